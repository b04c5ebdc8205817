// One snapshot: what restoring it would change now, what it held that was not committed, and restoring it.
import { useEffect, useRef, useState } from "react";
import { get } from "../api";
import { Button } from "../parts/controls";
import { useAnswer } from "../parts/useAnswer";
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
  const asked = `${source.base}/snapshots/${id}?${new URLSearchParams({ against, repository })}`;
  const { data: found, failure, load } = useAnswer(asked, () => get<Snapshot & Diff>(asked));
  // biome-ignore lint/correctness/useExhaustiveDependencies: other files make another difference
  useEffect(() => {
    if (visible) void load();
  }, [load, visible, files]);
  const known = useRef<Snapshot | null>(null); // its head stays while it is compared with something else
  known.current = found ?? known.current;
  const snapshot = known.current;
  const same = against === "now" && found?.files.length === 0;
  const head = snapshot && (
    <header className="commit-head">
      <h2>{snapshotTitle(snapshot)}</h2>
      <div className="row facts">
        <time className="soft" dateTime={snapshot.created_at}>
          {inFull(snapshot.created_at)}
        </time>
        <span className="soft">{plural(snapshot.files_changed, "file")} not committed then</span>
        <span className="grow" />
        <Button
          kind="main"
          disabled={busy !== "" || same}
          onClick={() => source.restore(id, `Restored ${snapshotTitle(snapshot)}.`)}
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
      onAgain={load}
      head={head}
      empty={against === "now" ? "The files are as this snapshot has them." : "Everything was committed."}
    />
  );
}
