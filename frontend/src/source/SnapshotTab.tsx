// One snapshot: what restoring it would change now, what it held that was not committed, and restoring it.
import { useEffect, useState } from "react";
import { get, type Refused } from "../api";
import { Button } from "../parts/controls";
import type { EditorProps } from "../shell/registry";
import { useStore } from "../shell/store";
import { DiffPage } from "./DiffPage";
import { Segments } from "./Segments";
import { sourceOf } from "./state";
import type { Diff, Snapshot } from "./types";
import { inFull, plural, snapshotTitle } from "./words";

export type SnapshotData = { id: string };
const AGAINST = [
  ["now", "What restoring changes"],
  ["head", "What it held"],
] as const;
type Against = (typeof AGAINST)[number][0];

export default function SnapshotTab({ bench, tab, visible }: EditorProps) {
  const { id } = tab.data as SnapshotData;
  const source = sourceOf(bench);
  const { repositories, files } = useStore(source.state);
  const busy = useStore(source.busy);
  const [repository, setRepository] = useState("root");
  const [against, setAgainst] = useState<Against>("now");
  const [found, setFound] = useState<(Snapshot & Diff) | null>(null);
  const [failure, setFailure] = useState("");
  // biome-ignore lint/correctness/useExhaustiveDependencies: other files make another difference
  useEffect(() => {
    if (!visible) return;
    let left = false;
    const words = new URLSearchParams({ against, repository });
    get<Snapshot & Diff>(`${source.base}/snapshots/${id}?${words}`).then(
      (next) => !left && setFound(next),
      (error: Refused) => !left && setFailure(error.message),
    );
    return () => {
      left = true;
    };
  }, [source, id, against, repository, visible, files]);
  const same = against === "now" && found?.files.length === 0;
  const head = found && (
    <header className="commit-head">
      <h2>{snapshotTitle(found)}</h2>
      <div className="row facts">
        <time className="soft" dateTime={found.created_at}>
          {inFull(found.created_at)}
        </time>
        <span className="soft">{plural(found.files_changed, "file")} not committed then</span>
        <span className="grow" />
        <Button
          kind="main"
          disabled={busy !== "" || same}
          onClick={() => source.restore(id, `Restored ${snapshotTitle(found)}.`)}
        >
          {busy === "Restoring" ? "Restoring…" : "Restore"}
        </Button>
      </div>
      <div className="row facts">
        <Segments label="Compared with" choices={AGAINST} value={against} onChoose={setAgainst} />
        {(repositories?.length ?? 0) > 1 && (
          <select aria-label="Repository" value={repository} onChange={(event) => setRepository(event.target.value)}>
            {repositories?.map((row) => (
              <option key={row.name}>{row.name}</option>
            ))}
          </select>
        )}
      </div>
    </header>
  );
  return (
    <DiffPage
      label="Changes of the snapshot"
      diff={found}
      failure={failure}
      head={head}
      empty={against === "now" ? "The files are as this snapshot has them." : "Everything was committed."}
    />
  );
}
