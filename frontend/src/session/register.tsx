// The session's own part of the page: files, changes, history, terminals, and what is done to the session as a whole.
import { lazy } from "react";
import type { Bench } from "../shell/bench";
import { Icon } from "../shell/icons";
import { renamePaths } from "../shell/layout";
import { command, status, view } from "../shell/registry";
import { createStore, useSelected, useStore } from "../shell/store";

const Tree = lazy(async () => ({ default: (await import("./FileTree")).FileTree }));
const ChangesList = lazy(async () => ({ default: (await import("./Changes")).Changes }));
const Log = lazy(async () => ({ default: (await import("./History")).History }));
const Shells = lazy(async () => ({ default: (await import("./Terminals")).Terminals }));

function Files({ bench }: { bench: Bench }) {
  const tick = useStore(bench.tick);
  const current = useSelected(bench.layout, () => bench.tab?.path ?? "");
  return (
    <Tree
      sessionId={bench.sessionId}
      tick={tick}
      current={current}
      onOpen={(path) => bench.openFile(path)}
      onGone={(gone) => bench.layout.set((old) => renamePaths(old, (path) => (path === gone ? null : path)))}
    />
  );
}

function Changes({ bench }: { bench: Bench }) {
  const tick = useStore(bench.tick);
  return (
    <ChangesList
      sessionId={bench.sessionId}
      tick={tick}
      onOpen={(path) => bench.openFile(path)}
      onChange={() => bench.changed()}
    />
  );
}

function History({ bench }: { bench: Bench }) {
  return <Log sessionId={bench.sessionId} tick={useStore(bench.tick)} onChange={() => bench.changed()} />;
}

function Terminals({ bench }: { bench: Bench }) {
  return <Shells sessionId={bench.sessionId} wish={useStore(wish)} />;
}

view({ id: "files", place: "side", title: "Files", icon: "files", order: 10, component: Files });
view({ id: "changes", place: "side", title: "Changes", icon: "changes", order: 30, component: Changes });
view({ id: "history", place: "side", title: "History", icon: "history", order: 40, component: History });
view({ id: "terminals", place: "panel", title: "Terminals", icon: "terminal", order: 10, component: Terminals });

command({
  id: "session.fork",
  group: "Session",
  title: "New session from this",
  icon: "plus",
  when: (bench) => bench.ready,
  run: (bench) => bench.dialog.set("fork"),
});
command({
  id: "session.delete",
  group: "Session",
  title: "Delete session",
  icon: "trash",
  when: (bench) => bench.info.get().session?.is_default === false,
  run: (bench) => bench.dialog.set("delete"),
});

/** A shell that somebody asked for: in a service, or none in particular. A new object each time. */
export const wish = createStore<{ service: { id: string; name: string } | null } | null>(null);
command({
  id: "terminal.new",
  group: "Terminal",
  title: "New terminal",
  icon: "terminal",
  keys: "Alt-T",
  when: (bench) => bench.ready,
  run: (bench, service) => {
    bench.show("terminals");
    wish.set({ service: (service as { id: string; name: string }) ?? null });
  },
});
command({
  id: "terminal.turn",
  group: "Terminal",
  title: "Into the terminal and back",
  keys: "Alt-`",
  run: (bench) => {
    if (document.activeElement?.closest(".xterm")) {
      bench.reveal("editors");
      document.querySelector<HTMLElement>(".tab-body:not([hidden]) .cm-content")?.focus();
      return;
    }
    bench.show("terminals");
    requestAnimationFrame(() => document.querySelector<HTMLElement>(".term:not([hidden]) textarea")?.focus());
  },
});

function Branch({ bench }: { bench: Bench }) {
  const { session } = useStore(bench.info);
  if (!session) return null;
  return (
    <button type="button" title="The session's branch" onClick={() => bench.show("changes")}>
      <Icon name="branch" size={13} />
      {session.branch}
    </button>
  );
}
status({ id: "branch", side: "left", order: 10, component: Branch });
