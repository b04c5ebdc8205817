// Source control in the workbench: its views, tabs, commands and settings.
import { lazy } from "react";
import type { Bench } from "../shell/bench";
import { command, editor, provider, status, view } from "../shell/registry";
import { change, setting, settingOf } from "../shell/settings";
import { BLAME, openLineCommit } from "./beside";
import { canWalk, walk } from "./DiffView";
import { openWorking } from "./open";
import { Provider } from "./Provider";
import { Badge, BranchStatus } from "./Status";
import { discardChosen, PARTS, sourceOf } from "./state";
import "./source.css";

provider(Provider);
view({
  id: "changes",
  place: "side",
  title: "Changes",
  icon: "changes",
  order: 30,
  component: lazy(() => import("./Changes")),
  badge: Badge,
  keys: "Mod-Shift-G",
});
view({
  id: "history",
  place: "side",
  title: "History",
  icon: "history",
  order: 40,
  component: lazy(() => import("./History")),
});
editor({ kind: "working", icon: "changes", component: lazy(() => import("./WorkingTab")) });
editor({ kind: "commit", icon: "commit", component: lazy(() => import("./CommitTab")) });
editor({ kind: "compare", icon: "changes", component: lazy(() => import("./CompareTab")) });
editor({ kind: "snapshot", icon: "snapshot", component: lazy(() => import("./SnapshotTab")) });
editor({ kind: "history", icon: "history", component: lazy(() => import("./HistoryTab")) });
status({ id: "branch", side: "left", order: 10, component: BranchStatus });

setting({
  key: "diff.layout",
  group: "Source control",
  title: "Differences",
  kind: "choice",
  fallback: "auto",
  choices: [
    ["auto", "Side by side where there is room"],
    ["side", "Side by side"],
    ["inline", "Inline"],
  ],
});
setting({
  key: "source.layout",
  group: "Source control",
  title: "Changed files",
  kind: "choice",
  fallback: "tree",
  choices: [
    ["tree", "As a tree"],
    ["list", "As a list"],
  ],
});

setting({
  key: BLAME,
  group: "Editor",
  title: "Who wrote each line",
  description: "Beside the text, with the commit on hover.",
  kind: "switch",
  fallback: false,
});

const group = "Source control";
/** The repository that commands without one are for. */
const ROOT = "root";
const changes = (bench: Bench) => sourceOf(bench).changed(ROOT);
const remote = (bench: Bench) => Boolean(sourceOf(bench).state.get().repositories?.[0]?.remote_url);
const ready = (bench: Bench) => bench.ready;

command({
  id: "source.diff",
  title: "Show the difference",
  hidden: true,
  run: (bench, argument) => {
    const { repository, path, keep } = argument as { repository: string; path: string; keep: boolean };
    openWorking(bench, repository, path, !keep);
  },
});
command({
  id: "source.diffHere",
  group,
  title: "Changes of this file",
  icon: "changes",
  when: (bench) => changes(bench).some((file) => file.path === bench.tab?.path),
  run: (bench) => openWorking(bench, ROOT, bench.tab?.path ?? "", false),
});
command({
  id: "source.review",
  group,
  title: "Look at all changes",
  icon: "eye",
  when: (bench) => changes(bench).length > 0,
  run: (bench) => openWorking(bench, ROOT, null, false),
});
command({
  id: "source.commit",
  needs: "vcs:write",
  group,
  title: "Commit…",
  icon: "commit",
  when: (bench) => changes(bench).length > 0,
  run: (bench) => {
    bench.show("changes");
    requestAnimationFrame(() => document.querySelector<HTMLElement>(".changes-view textarea")?.focus());
  },
});
command({
  id: "source.discardAll",
  needs: "vcs:write",
  group,
  title: "Discard what is chosen",
  icon: "undo",
  when: (bench) => changes(bench).length > 0,
  run: (bench) => discardChosen(bench, ROOT),
});
command({
  id: "source.layout",
  group,
  title: "Changed files as a tree or a list",
  icon: "outline",
  run: () => change("source.layout", settingOf("source.layout") === "list" ? "tree" : "list"),
});
command({
  id: "source.push",
  needs: "vcs:write",
  group,
  title: "Push",
  icon: "up",
  when: remote,
  run: (bench) => sourceOf(bench).push(ROOT),
});
command({
  id: "source.pull",
  needs: "vcs:write",
  group,
  title: "Pull",
  icon: "down",
  when: remote,
  run: (bench) => sourceOf(bench).pull(ROOT),
});
command({
  id: "source.pushTo",
  needs: "vcs:write",
  group,
  title: "Push to…",
  icon: "up",
  when: ready,
  run: (bench) => sourceOf(bench).asking.set({ about: "remote", verb: "push", repository: ROOT }),
});
command({
  id: "source.pullFrom",
  needs: "vcs:write",
  group,
  title: "Pull from…",
  icon: "down",
  when: ready,
  run: (bench) => sourceOf(bench).asking.set({ about: "remote", verb: "pull", repository: ROOT }),
});
command({
  id: "source.merge",
  needs: "vcs:write",
  group,
  title: "Merge another session…",
  icon: "branch",
  when: (bench) => bench.info.get().sessions.length > 1,
  run: (bench) => sourceOf(bench).asking.set({ about: "merge", repository: ROOT }),
});
command({
  id: "source.snapshot",
  needs: "vcs:write",
  group,
  title: "Take a snapshot…",
  icon: "snapshot",
  when: ready,
  run: (bench) => sourceOf(bench).asking.set({ about: "snapshot" }),
});
command({
  id: "source.history",
  group,
  title: "History as a tab",
  icon: "fill",
  when: ready,
  run: (bench) => {
    bench.open({ id: "tab:history", kind: "history", title: "History" });
    bench.entering.set("tab:history");
  },
});
for (const [part, title] of PARTS)
  command({
    id: `source.${part}`,
    group,
    title,
    icon: part === "commits" ? "commit" : part === "snapshots" ? "snapshot" : "branch",
    when: ready,
    run: (bench) => {
      sourceOf(bench).show(part);
      bench.enter("history");
    },
  });
command({
  id: "source.blame",
  group,
  title: "Who wrote each line, on or off",
  icon: "person",
  run: () => change(BLAME, !settingOf(BLAME)),
});
command({
  id: "source.lineCommit",
  group,
  title: "Commit of this line",
  icon: "commit",
  when: (bench) => bench.tab?.kind === "text",
  run: openLineCommit,
});
command({ id: "diff.next", group, title: "Next change", icon: "down", keys: "F7", when: canWalk, run: () => walk(1) });
command({
  id: "diff.previous",
  group,
  title: "Previous change",
  icon: "up",
  keys: "Shift-F7",
  when: canWalk,
  run: () => walk(-1),
});
