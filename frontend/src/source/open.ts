// Opens pages of version control as tabs.
import type { Bench } from "../shell/bench";
import type { Tab } from "../shell/layout";
import type { CommitData } from "./CommitTab";
import type { CompareData } from "./CompareTab";
import type { SnapshotData } from "./SnapshotTab";
import type { Snapshot } from "./types";
import type { WorkingData } from "./WorkingTab";
import { snapshotTitle } from "./words";

export function openWorking(bench: Bench, repository: string, path: string | null, preview: boolean): void {
  const data: WorkingData = { repository, path };
  const title = path === null ? "All changes" : `${path.split("/").pop()} (changes)`;
  open(bench, { id: `working:${repository}:${path ?? ""}`, kind: "working", title, data, preview });
}

/** One that is not only looked at in passing takes the focus. */
function open(bench: Bench, tab: Tab): void {
  bench.open(tab);
  if (!tab.preview) bench.entering.set(tab.id);
}

export function openCommit(bench: Bench, repository: string, id: string, preview = true): void {
  const data: CommitData = { repository, id };
  open(bench, { id: `commit:${repository}:${id}`, kind: "commit", title: id.slice(0, 8), data, preview });
}

export function openSnapshot(bench: Bench, row: Snapshot, preview = true): void {
  const data: SnapshotData = { id: row.id };
  open(bench, { id: `snapshot:${row.id}`, kind: "snapshot", title: snapshotTitle(row), data, preview });
}

export function openCompare(bench: Bench, data: CompareData, preview = true): void {
  const title = `${data.fromName} … ${data.toName}`;
  open(bench, { id: `compare:${data.repository}:${data.from}:${data.to}`, kind: "compare", title, data, preview });
}
