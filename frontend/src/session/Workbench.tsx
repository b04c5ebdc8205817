// One session: what is known of it, kept true by two sockets, in the shell.
import { useEffect, useMemo } from "react";
import { type Fact, get, listen, type Page, type Refused, type Session, type Workspace } from "../api";
import { follow } from "../feed";
import { inTurn } from "../inTurn";
import { Button, Notice } from "../parts/controls";
import { go } from "../router";
import { Bench } from "../shell/bench";
import { Shell } from "../shell/Shell";
import { useStore } from "../shell/store";
import { stepOf } from "../source/words";
import "../features";
import "../services/services.css";
import { DeleteSession, Fork } from "./dialogs";

const GONE = "There is no such session: it was deleted, or you may not see it.";
const AGAIN = 3000; // milliseconds, after which a server that could not answer is asked again

export default function Workbench({ sessionId }: { sessionId: string }) {
  const bench = useMemo(() => new Bench(sessionId), [sessionId]);
  const { session, workspace, failure } = useStore(bench.info);
  const dialog = useStore(bench.dialog);

  useEffect(() => {
    let left = false;
    let timer = 0;
    const load = inTurn(async () => {
      window.clearTimeout(timer);
      try {
        const session = await get<Session>(`/sessions/${sessionId}`);
        const [workspace, sessions, mine] = await Promise.all([
          get<Workspace>(`/workspace/${session.workspace_id}`),
          get<Page<Session>>(`/sessions/${session.workspace_id}/sessions?limit=200`),
          get<{ scopes: string[] }>(`/workspace/${session.workspace_id}/access/mine`),
        ]);
        const scopes = new Set(mine.scopes);
        bench.info.set({ session, workspace, sessions: sessions.items, scopes, failure: "" });
      } catch (error) {
        const { status, message } = error as Refused;
        const gone = status === 403 || status === 404;
        if (gone) bench.info.set((old) => ({ ...old, session: null, failure: GONE }));
        else bench.info.set((old) => ({ ...old, failure: message }));
        if (!left && (status === 0 || status >= 500)) timer = window.setTimeout(load, AGAIN);
      }
    });
    void load();
    const view = new URLSearchParams(location.search).get("view");
    if (view) bench.show(view);
    const leave = follow((fact: Fact) => {
      if (fact.name === "session.progress" && fact.session_id === sessionId) return bench.progress.set(stepOf(fact));
      if (fact.name.startsWith("session.") || fact.name === "reset" || fact.name === "access") void load();
      if (fact.name === "service.state" || fact.name === "operation.progress") return; // no file changes by these
      if (fact.session_id === sessionId || fact.name === "reset") bench.changed();
    });
    return () => {
      left = true;
      window.clearTimeout(timer);
      leave();
    };
  }, [bench, sessionId]);

  const ready = session?.status === "ready";
  useEffect(() => {
    if (ready)
      return listen(
        "/ws/lsp-fs-watch",
        () => ({ session_id: sessionId }),
        ({ events }: { events: { type: string; path: string }[] }) => {
          // None are told when watching begins, and when some were lost: what was read before may be another by now.
          if (events.length === 0) return bench.changed();
          const last = new Map(events.map((event) => [event.path, event.type]));
          const gone = [...last].filter(([, type]) => type === "deleted").map(([path]) => path);
          bench.changed([...last.keys()], gone);
        },
      );
  }, [ready, bench, sessionId]);

  useEffect(() => () => bench.end(), [bench]);
  useEffect(() => {
    document.title = session && workspace ? `${session.name} · ${workspace.name}` : "Codeyard";
  }, [session, workspace]);

  if (failure && !session)
    return (
      <main className="centre">
        <Notice text={failure} />
        <Button onClick={() => go("/")}>All workspaces</Button>
      </main>
    );
  return (
    <Shell bench={bench}>
      {dialog === "fork" && session && <Fork session={session} onClose={() => bench.dialog.set(null)} />}
      {dialog === "delete" && session && (
        <DeleteSession
          session={session}
          home={workspace?.default_session_id ?? ""}
          onClose={() => bench.dialog.set(null)}
        />
      )}
    </Shell>
  );
}
