// Pull requests in the workbench: their view and their tab.
import { lazy } from "react";
import { go } from "../router";
import { command, editor, view } from "../shell/registry";

view({
  id: "pulls",
  place: "side",
  title: "Pull requests",
  icon: "pull",
  order: 45,
  component: lazy(() => import("./PullsView")),
});
editor({ kind: "pull", icon: "pull", component: lazy(() => import("./PullTab")), keeps: true });
command({
  id: "pulls.page",
  group: "Source control",
  title: "Pull requests of the workspace",
  icon: "pull",
  run: (bench) => go(`/w/${bench.workspaceId}/pulls`),
});
