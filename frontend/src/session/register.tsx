// The session's own part of the page: its files, and what is done to the session as a whole.
import { lazy } from "react";
import type { Bench } from "../shell/bench";
import { renamePaths } from "../shell/layout";
import { command, view } from "../shell/registry";
import { useSelected, useStore } from "../shell/store";

const Tree = lazy(async () => ({ default: (await import("./FileTree")).FileTree }));

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

view({ id: "files", place: "side", title: "Files", icon: "files", order: 10, component: Files });

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
