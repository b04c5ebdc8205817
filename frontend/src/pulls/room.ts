// What pull requests of one workspace share: its sessions, who can be asked, what the caller may. Kept true by the feed.
import { createContext, useEffect, useMemo } from "react";
import { type Fact, get, type Page, type Refused, type Session, type Workspace } from "../api";
import { follow } from "../feed";
import { inTurn } from "../inTurn";
import { mentionable, type Named, type Person } from "../parts/Markdown";
import { createStore, useStore } from "../shell/store";
import type { Team } from "./types";

export type Room = {
  workspace: Workspace | null;
  sessions: Session[];
  people: Person[];
  teams: Team[];
  named: Named[];
  scopes: ReadonlySet<string>;
  failure: string;
};
/** Those who can be mentioned. */
export const NamedContext = createContext<Named[]>([]);
const EMPTY: Room = { workspace: null, sessions: [], people: [], teams: [], named: [], scopes: new Set(), failure: "" };
const CHANGES_IT = /^(session\.(created|ready|deleted|restored)|member|access|team|workspace|reset)/;

async function load(workspaceId: string): Promise<Room> {
  const [workspace, mine, sessions] = await Promise.all([
    get<Workspace>(`/workspace/${workspaceId}`),
    get<{ scopes: string[] }>(`/workspace/${workspaceId}/access/mine`),
    get<Page<Session>>(`/sessions/${workspaceId}/sessions?limit=200`),
  ]);
  const at = `/organizations/${workspace.organization_id}`;
  const none = { items: [] };
  const [people, teams] = await Promise.all([
    get<{ items: Person[] }>(`${at}/members`).catch(() => none), // a guest of this workspace alone does not see them
    get<{ items: Team[] }>(`${at}/teams`).catch(() => none),
  ]);
  const scopes = new Set(mine.scopes);
  return {
    workspace,
    sessions: sessions.items,
    people: people.items,
    teams: teams.items,
    named: mentionable(people.items, teams.items),
    scopes,
    failure: "",
  };
}

export function useRoom(workspaceId: string): Room {
  const store = useMemo(() => createStore<Room>(EMPTY), []);
  useEffect(() => {
    let left = false;
    const look = inTurn(() =>
      load(workspaceId).then(
        (found) => !left && store.set(found),
        (error: Refused) => !left && store.set((old) => ({ ...old, failure: error.message })),
      ),
    );
    void look();
    const leave = follow((fact: Fact) => {
      if (CHANGES_IT.test(fact.name) && (fact.workspace_id === null || fact.workspace_id === workspaceId)) void look();
    });
    return () => {
      left = true;
      leave();
    };
  }, [workspaceId, store]);
  return useStore(store);
}

export const nameOf = (room: Room, session: string | null): string | undefined =>
  room.sessions.find((one) => one.id === session)?.name;
