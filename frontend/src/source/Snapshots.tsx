// The snapshots of a session as a timeline: what was about to happen, when, and how many files were not committed then.
import { useEffect, useMemo, useState } from "react";
import { get, type Page, type Refused } from "../api";
import { inTurn, soon } from "../inTurn";
import { Button, Notice } from "../parts/controls";
import type { Bench } from "../shell/bench";
import { Icon, type IconName } from "../shell/icons";
import { useStore } from "../shell/store";
import { openSnapshot } from "./open";
import { sourceOf } from "./state";
import type { Snapshot } from "./types";
import { ago, atClock, dayOf, inFull, plural, snapshotTitle } from "./words";

const ICON: Record<string, IconName> = {
  timer: "history",
  request: "snapshot",
  discard: "undo",
  rollback: "undo",
  merge: "branch",
  restore: "reload",
  delete: "trash",
};

export function Snapshots({ bench }: { bench: Bench }) {
  const source = sourceOf(bench);
  const busy = useStore(source.busy);
  const [rows, setRows] = useState<Snapshot[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [failure, setFailure] = useState("");
  const load = useMemo(() => {
    const ask = async (from: string) => {
      try {
        const page = await get<Page<Snapshot>>(`${source.base}/snapshots?limit=50&cursor=${encodeURIComponent(from)}`);
        setRows((old) => (from ? [...(old ?? []), ...page.items] : page.items));
        setCursor(page.next_cursor);
        setFailure("");
      } catch (error) {
        setFailure((error as Refused).message);
      }
    };
    return { first: inTurn(() => ask("")), older: ask };
  }, [source]);
  useEffect(() => {
    void load.first();
    const again = soon(200, load.first); // a change of files may be a new snapshot
    const leave = bench.tick.subscribe(again);
    return () => {
      leave();
      again.end();
    };
  }, [bench, load]);

  return (
    <div className="snapshots">
      <Notice text={failure} />
      {rows?.length === 0 && (
        <p className="soft empty">
          None yet. One is taken before everything that destroys something, and while files change.
        </p>
      )}
      <ol className="timeline" aria-label="Snapshots">
        {rows?.map((row, n) => {
          const day = dayOf(row.created_at);
          const before = rows[n - 1];
          return (
            <li key={row.id}>
              {(!before || dayOf(before.created_at) !== day) && <h3>{day}</h3>}
              <div className="snapshot-row">
                <button
                  type="button"
                  className="told"
                  title={inFull(row.created_at)}
                  onClick={() => openSnapshot(bench, row)}
                >
                  <Icon name={ICON[row.reason] ?? "snapshot"} size={14} />
                  <span className="ellipsis">{snapshotTitle(row)}</span>
                  <span className="soft small">
                    {atClock(row.created_at)} · {ago(row.created_at)} · {plural(row.files_changed, "file")}
                  </span>
                </button>
                <Button
                  kind="quiet"
                  disabled={busy !== ""}
                  aria-label={`Restore ${snapshotTitle(row)}, ${atClock(row.created_at)}`}
                  onClick={() => source.restore(row.id, `Restored ${snapshotTitle(row)}.`)}
                >
                  Restore
                </Button>
              </div>
            </li>
          );
        })}
      </ol>
      {cursor && <Button onClick={() => load.older(cursor)}>Older ones</Button>}
    </div>
  );
}
