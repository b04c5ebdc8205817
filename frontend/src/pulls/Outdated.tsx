// A thread that the difference has no line for, with the lines that it speaks of where they can be had: as they were when they
// were commented on.
import { useEffect, useState } from "react";
import { useStore } from "../shell/store";
import type { FileDiff, Line } from "../source/types";
import type { Desk } from "./desk";
import { shownLines } from "./patch";
import { Lines, type May, placeOf, placeWords, ThreadBox } from "./Thread";
import type { Thread } from "./types";

const MOST = 12; // lines

export function Outdated({
  desk,
  thread,
  may,
  go,
}: {
  desk: Desk;
  thread: Thread;
  may: May;
  go?: (thread: Thread) => void; // shows it among the files
}) {
  const { files, pull } = useStore(desk.state);
  const [since, setSince] = useState<FileDiff | null>(null);
  const head = pull?.head_commit;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another head, another difference since
  useEffect(() => {
    if (!thread.outdated) return;
    let left = false;
    desk.since(thread).then(
      (found) => !left && setSince(found),
      () => undefined, // its session is gone: the comment stands by itself
    );
    return () => {
      left = true;
    };
  }, [desk, thread.id, thread.outdated, head]);
  const place = placeOf(thread);
  const lines = thread.outdated ? linesThen(since, thread) : place && asLines(shownLines(files ?? [], place));
  return (
    <div className="thread-with-lines">
      {place && (
        <div className="lines-then">
          <div className="row">
            {go ? (
              <button type="button" className="link" onClick={() => go(thread)}>
                {placeWords(place)}
              </button>
            ) : (
              <span>{placeWords(place)}</span>
            )}
            {thread.outdated && <span className="soft">as it was in {thread.commit_id.slice(0, 8)}</span>}
          </div>
          {lines && lines.length > 0 && <Lines lines={lines.slice(-MOST)} />}
        </div>
      )}
      <ThreadBox desk={desk} thread={thread} may={may} />
    </div>
  );
}

const asLines = (texts: string[] | null): Line[] | null => texts?.map((text) => ({ kind: " ", text })) ?? null;

/** The lines that were commented on, out of what has become of them since. */
function linesThen(since: FileDiff | null, thread: Thread): Line[] {
  const place = placeOf(thread);
  if (!since || !place) return [];
  return since.hunks
    .flatMap((hunk) => hunk.lines)
    .filter((line) => line.old !== undefined && line.old >= place.start_line && line.old <= place.line)
    .map(({ kind, text }) => ({ kind, text }));
}
