// The text editor's part of the page.
import { lazy } from "react";
import { command, editor } from "../shell/registry";

editor({ kind: "text", icon: "file", component: lazy(() => import("./TextTab")), keeps: true });
command({
  id: "tab.reveal",
  group: "Tabs",
  title: "Show in the files",
  icon: "files",
  when: (bench) => bench.tab?.path !== undefined,
  run: (bench) => bench.show("files"),
});
