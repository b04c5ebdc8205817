// Tasks in the workbench: those of the workspace that are not over, on the way to their page.
import { lazy } from "react";
import { view } from "../shell/registry";

view({
  id: "tasks",
  place: "side",
  title: "Tasks",
  icon: "check",
  order: 95,
  component: lazy(() => import("./TasksView")),
});
