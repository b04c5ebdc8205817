// The session's own part of the page: its files, and what is done to the session as a whole.
import { lazy } from "react";
import { command, view } from "../shell/registry";
import { make, remove, rename } from "./entries";
import "./tree.css";

view({
  id: "files",
  place: "side",
  title: "Files",
  icon: "files",
  order: 10,
  component: lazy(() => import("./FileTree")),
});

for (const [kind, icon] of [
  ["file", "file"],
  ["folder", "folder"],
] as const)
  command({
    id: `${kind}.new`,
    group: "File",
    title: `New ${kind}…`,
    icon,
    needs: "files:write",
    when: (bench) => bench.ready,
    run: async (bench) => {
      const value = bench.tab?.path?.replace(/[^/]*$/, "") ?? "";
      const path = await bench.questions.prompt(`New ${kind}`, { label: "Path", value }, "Create");
      if (path) await make(bench, kind, path);
    },
  });
for (const [verb, title, icon, run] of [
  ["rename", "Rename the file…", "pencil", rename],
  ["delete", "Delete the file…", "trash", remove],
] as const)
  command({
    id: `file.${verb}`,
    group: "File",
    title,
    icon,
    needs: "files:write",
    when: (bench) => bench.tab?.path !== undefined,
    run: (bench) => run(bench, bench.tab?.path ?? ""),
  });

command({
  id: "session.fork",
  needs: "sessions:write",
  group: "Session",
  title: "New session from this",
  icon: "plus",
  when: (bench) => bench.ready,
  run: (bench) => bench.dialog.set("fork"),
});
command({
  id: "session.delete",
  needs: "sessions:write",
  group: "Session",
  title: "Delete session",
  icon: "trash",
  when: (bench) => bench.info.get().session?.is_default === false,
  run: (bench) => bench.dialog.set("delete"),
});
