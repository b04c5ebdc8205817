// The tasks of a workspace, kept as they are on the server, and who can have them.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { get, type Organization, type Page, post, type Refused } from "../../api";
import { follow } from "../../feed";
import { inTurn, oneByOne, soon } from "../../inTurn";
import { mentionable, type Named } from "../../parts/Markdown";
import { useLoad } from "../load";
import type { Member, Team } from "../people/types";
import type { Status, Task } from "./types";

const MOST = 2000;

export type Board = {
  tasks: Task[] | null;
  failure: string;
  load: () => Promise<void>;
  manage: (ids: string[], what: Record<string, unknown>) => Promise<void>;
  /** Puts a task into a column, below `after` or at its top. */
  move: (task: Task, status: Status, after: Task | null) => Promise<void>;
};

async function all(workspace: string): Promise<Task[]> {
  const found: Task[] = [];
  for (let cursor: string | null = ""; cursor !== null && found.length < MOST; ) {
    const more: string = cursor && `&cursor=${encodeURIComponent(cursor)}`;
    const page: Page<Task> = await get<Page<Task>>(`/workspace/${workspace}/tasks?limit=200${more}`);
    found.push(...page.items);
    cursor = page.next_cursor;
  }
  return found;
}

export function useTasks(workspace: string): Board {
  const [tasks, setTasks] = useState<Task[] | null>(null);
  const [failure, setFailure] = useState("");
  const wanted = useRef(workspace);
  wanted.current = workspace;
  const doing = useRef({ turn: oneByOne(), left: 0 });

  const load = useMemo(
    () =>
      inTurn(async () => {
        try {
          const found = await all(workspace);
          if (wanted.current !== workspace || doing.current.left > 0) return; // it is asked again after the last change
          setTasks(found);
          setFailure("");
        } catch (error) {
          if (wanted.current === workspace) setFailure((error as Refused).message);
        }
      }),
    [workspace],
  );

  useEffect(() => {
    setTasks(null);
    void load();
    const again = soon(80, load); // many tasks changed at once are many facts
    const leave = follow((fact) => {
      if (fact.name === "reset" || (fact.name.startsWith("task.") && fact.workspace_id === workspace)) again();
    });
    return () => {
      leave();
      again.end();
    };
  }, [workspace, load]);

  const manage = useCallback(
    async (ids: string[], what: Record<string, unknown>) => {
      const { current: queue } = doing;
      queue.left += 1;
      const change = () => post("/task-management", { workspace_id: workspace, task_ids: ids, ...what });
      try {
        await queue.turn(change).finally(() => {
          queue.left -= 1;
        });
        await load();
      } catch (error) {
        await load(); // what was shown in advance did not come about
        setFailure((error as Refused).message);
      }
    },
    [workspace, load],
  );
  const move = useCallback(
    (task: Task, status: Status, after: Task | null) => {
      setTasks((old) => {
        const others = (old ?? []).filter((one) => one.id !== task.id);
        const at = after ? others.findIndex((one) => one.id === after.id) + 1 : 0;
        return [...others.slice(0, at), { ...task, status }, ...others.slice(at)];
      });
      return manage([task.id], { status, order: true, after: after?.id ?? null });
    },
    [manage],
  );
  return { tasks, failure, load, manage, move };
}

export type Doers = { people: Member[]; teams: Team[]; named: Named[]; nameOf: (task: Task) => string };

/** People and teams of the organisation. */
export function useDoers(organization: Organization): Doers {
  const at = `/organizations/${organization.id}`;
  const people = useLoad<Page<Member>>(`${at}/members`, /member\./).data?.items;
  const teams = useLoad<Page<Team>>(`${at}/teams`, /team\./).data?.items;
  return useMemo(() => {
    const names = new Map<string, string>();
    for (const one of people ?? []) names.set(one.user_id, one.name);
    for (const one of teams ?? []) names.set(one.id, one.name);
    return {
      people: people ?? [],
      teams: teams ?? [],
      named: mentionable(people ?? [], teams ?? []),
      nameOf: (task) => names.get(task.assignee_id ?? task.team_id ?? "") ?? "",
    };
  }, [people, teams]);
}
