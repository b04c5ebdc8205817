// The session's own part of the page: its files, and what is done to the session as a whole.
import { lazy } from "react";
import { command, view } from "../shell/registry";
import "./tree.css";

view({
  id: "files",
  place: "side",
  title: "Files",
  icon: "files",
  order: 10,
  component: lazy(() => import("./FileTree")),
});

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
