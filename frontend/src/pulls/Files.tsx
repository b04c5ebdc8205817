// What a pull request changes, file by file, with the comments on its lines; where one comments, suggests, and marks what one has
// seen. Lines are chosen by their button (drag, or Shift and click, for several), or by keys: C comments on the change one is at.
import { type KeyboardEvent, type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { uuid } from "../api";
import { Button } from "../parts/controls";
import { Tool } from "../shell/controls";
import { Icon } from "../shell/icons";
import { useStore } from "../shell/store";
import { DiffPage } from "../source/DiffPage";
import { type DiffGoal, type LineAt, Path } from "../source/DiffView";
import { Letter } from "../source/Letter";
import { toggled } from "../source/rows";
import type { FileDiff, Hunk } from "../source/types";
import { plural } from "../source/words";
import type { Desk } from "./desk";
import { LineWriter, type Writing } from "./LineWriter";
import { Outdated } from "./Outdated";
import { pathOn } from "./patch";
import { DraftBox, type May, placeOf, ThreadBox } from "./Thread";
import type { Place, PullFile, Thread } from "./types";

type Drag = { path: string; side: Place["side"]; from: number; to: number };
const keyOf = (path: string, side: Place["side"], line: number | undefined) => `${side}:${line}:${path}`;

/** What grows beneath lines, by the line that it ends at. */
function gathered<T>(rows: T[], place: (row: T) => Place | null): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const row of rows) {
    const at = place(row);
    if (!at) continue;
    const key = keyOf(at.path, at.side, at.line);
    found.set(key, [...(found.get(key) ?? []), row]);
  }
  return found;
}

/** The two names that a line goes by: what is the same on both sides can have comments on either. */
function placesOf({ file, line }: LineAt): { side: Place["side"]; path: string; line: number }[] {
  const found = [];
  if (line.new !== undefined) found.push({ side: "head" as const, path: file.path, line: line.new });
  if (line.old !== undefined)
    found.push({ side: "base" as const, path: pathOn(file as PullFile, "base"), line: line.old });
  return found;
}

export default function Files({ desk, may, goal, open }: Props) {
  const { pull, files, total, threads, filesFailure } = useStore(desk.state);
  const drafts = useStore(desk.drafts);
  const [writing, setWriting] = useState<Writing | null>(null);
  const [drag, paint] = useState<Drag | null>(null);
  const held = useRef<Drag | null>(null); // what is painted may be a moment behind the pointer
  const setDrag = useCallback((to: Drag | null) => {
    held.current = to;
    paint(to);
  }, []);
  const last = useRef<Drag | null>(null); // where Shift and click goes on from
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const seen = useRef<ReadonlySet<string>>(new Set());
  const [here, setHere] = useState<DiffGoal | null>(null);
  const known = files !== null;

  useEffect(() => {
    void desk.wantFiles();
  }, [desk]);
  useEffect(() => {
    if (!files) return;
    const before = seen.current;
    const now = new Set(files.filter((file) => file.viewed).map((file) => file.path));
    seen.current = now;
    // What was seen before is folded when it comes, and shown again when it is something else by now.
    setFolded(
      (old) =>
        new Set([
          ...[...old].filter((path) => !before.has(path) || now.has(path)),
          ...[...now].filter((path) => !before.has(path)),
        ]),
    );
  }, [files]);
  useEffect(() => {
    if (known && goal) setHere({ ...goal });
  }, [known, goal]);

  const byLine = useMemo(
    () =>
      gathered(
        threads.filter((one) => !one.outdated),
        placeOf,
      ),
    [threads],
  );
  const draftsByLine = useMemo(() => gathered(drafts, (draft) => draft.at), [drafts]);
  const elsewhere = useMemo(() => hiddenThreads(files ?? [], threads), [files, threads]);

  const start = useCallback(
    (at: Drag) => {
      if (!may.comment) return;
      const [from, to] = [Math.min(at.from, at.to), Math.max(at.from, at.to)];
      last.current = at;
      const place = { path: at.path, side: at.side, start_line: from, line: to };
      setWriting((old) => ({ at: place, anchor: keyOf(at.path, at.side, to), body: old?.body ?? "" }));
    },
    [may.comment],
  );
  const drags = drag !== null;
  useEffect(() => {
    if (!drags) return;
    const up = () => {
      const { current: chosen } = held;
      setDrag(null);
      if (chosen) start(chosen);
    };
    window.addEventListener("pointerup", up);
    return () => window.removeEventListener("pointerup", up);
  }, [drags, start, setDrag]);

  const gutter = (at: LineAt) => {
    const place = placesOf(at).find((one) => one.side === (at.side === "old" ? "base" : "head"));
    if (!place || !may.comment) return null;
    return (
      <CommentButton
        place={place}
        chosen={isChosen(place, drag) || (writing !== null && isChosen(place, asDrag(writing.at)))}
        onDown={(shift) => {
          const from = shift && last.current?.path === place.path && last.current.side === place.side;
          const anchor = from && last.current ? last.current.from : place.line;
          setDrag({ path: place.path, side: place.side, from: anchor, to: place.line });
        }}
        onOver={() => {
          const { current: from } = held;
          if (from?.path === place.path && from.side === place.side) setDrag({ ...from, to: place.line });
        }}
        onKey={() => start({ path: place.path, side: place.side, from: place.line, to: place.line })}
      />
    );
  };
  const below = (at: LineAt) => {
    const parts: ReactNode[] = [];
    for (const { side, path, line } of placesOf(at)) {
      const key = keyOf(path, side, line);
      for (const thread of byLine.get(key) ?? [])
        parts.push(<ThreadBox key={thread.id} desk={desk} thread={thread} may={may} />);
      for (const draft of draftsByLine.get(key) ?? [])
        parts.push(<DraftBox key={draft.id} desk={desk} draft={draft} />);
      if (writing?.anchor === key)
        parts.push(<LineWriter key="writer" desk={desk} writing={writing} onChange={setWriting} onDone={done} />);
    }
    return (
      parts.length > 0 && (
        <div className="beneath" key={`${at.side}`}>
          {parts}
        </div>
      )
    );
  };
  const done = (kind: "sent" | "kept" | "left") => {
    if (kind === "kept" && writing)
      desk.keepDrafts((old) => [...old, { id: uuid(), at: writing.at, body: writing.body }]);
    setWriting(null);
  };

  const view = (file: PullFile, viewed: boolean) => {
    setFolded((old) => (old.has(file.path) === viewed ? old : toggled(old, file.path)));
    void desk.view(file, viewed);
  };
  const fileTools = (file: FileDiff) => {
    const { viewed, binary, status } = file as PullFile;
    return (
      <>
        {!binary && <Tool icon="unfold" label={`Show all of ${file.path}`} onClick={() => desk.showWhole(file.path)} />}
        {open && status !== "deleted" && (
          <Tool icon="file" label={`Open ${file.path} in the editor`} onClick={() => open(file.path)} />
        )}
        <label className="viewed">
          <input type="checkbox" checked={viewed} onChange={(event) => view(file as PullFile, event.target.checked)} />
          Viewed
        </label>
      </>
    );
  };
  const fileBelow = (file: FileDiff) => {
    const found = elsewhere.get(file.path);
    if (!found) return renamed(file);
    return (
      <>
        {renamed(file)}
        <div className="beneath">
          {found.map((thread) => (
            <Outdated key={thread.id} desk={desk} thread={thread} may={may} />
          ))}
        </div>
      </>
    );
  };
  const onKey = (event: KeyboardEvent, file: FileDiff, hunk: Hunk | null, number: number) => {
    if (event.key === "c" && hunk) {
      const at = changeAt(file as PullFile, hunk, number);
      if (at) start(at);
    } else if (event.key === "v") view(file as PullFile, !(file as PullFile).viewed);
    else return;
    event.preventDefault();
  };
  const viewed = files?.filter((file) => file.viewed).length ?? 0;
  return (
    <div className="pull-files">
      {files && files.length > 1 && (
        <FileList files={files} folded={folded} onGo={(path) => setHere({ path })} threads={threads} />
      )}
      <DiffPage
        label={`Changes of pull request ${pull?.number}`}
        diff={useMemo(() => files && { files, truncated: files.length < total }, [files, total])}
        failure={filesFailure}
        empty="It changes nothing any more: all of it is in the base."
        tools={
          files &&
          files.length > 0 && (
            <span className="seen">
              <progress value={viewed} max={files.length} aria-label="Files viewed" />
              <span className="soft">
                {viewed} of {plural(files.length, "file")} viewed
              </span>
            </span>
          )
        }
        goal={here}
        folding={{ folded, onFold: (path) => setFolded((old) => toggled(old, path)) }}
        gutter={gutter}
        below={below}
        fileTools={fileTools}
        fileBelow={fileBelow}
        onKey={onKey}
      />
    </div>
  );
}

type Props = {
  desk: Desk;
  may: May;
  goal: DiffGoal | null;
  open?: (path: string) => void; // opens a file in the editor of the session
};

const asDrag = ({ path, side, start_line, line }: Place): Drag => ({ path, side, from: start_line, to: line });

const isChosen = (at: { path: string; side: string; line: number }, drag: Drag | null): boolean =>
  drag !== null &&
  drag.path === at.path &&
  drag.side === at.side &&
  at.line >= Math.min(drag.from, drag.to) &&
  at.line <= Math.max(drag.from, drag.to);

/** The lines of the change at a hunk's line, those of the head where it has some. */
function changeAt(file: PullFile, hunk: Hunk, number: number): Drag | null {
  let first = number;
  while (first > 0 && hunk.lines[first - 1]?.kind !== " ") first -= 1;
  const run = [];
  for (let at = first; at < hunk.lines.length && hunk.lines[at]?.kind !== " "; at += 1) run.push(hunk.lines[at]);
  const added = run.flatMap((line) => line?.new ?? []);
  const removed = run.flatMap((line) => line?.old ?? []);
  const lines = added.length > 0 ? added : removed;
  const side = added.length > 0 ? "head" : "base";
  if (lines.length === 0) return null;
  return { path: pathOn(file, side), side, from: Math.min(...lines), to: Math.max(...lines) };
}

/** By file, the threads that no line of the difference shows: outdated ones, those on the file as a whole, those far from changes. */
function hiddenThreads(files: PullFile[], threads: Thread[]): Map<string, Thread[]> {
  const found = new Map<string, Thread[]>();
  for (const file of files) {
    const shown = new Set(
      file.hunks.flatMap((hunk) =>
        hunk.lines.flatMap((line) => [
          keyOf(file.path, "head", line.new),
          keyOf(pathOn(file, "base"), "base", line.old),
        ]),
      ),
    );
    const hidden = threads.filter(
      (one) =>
        one.path === pathOn(file, one.side) &&
        (one.outdated || one.line === null || !shown.has(keyOf(one.path, one.side, one.line))),
    );
    if (hidden.length > 0) found.set(file.path, hidden);
  }
  return found;
}

const renamed = (file: FileDiff) =>
  file.status === "renamed" &&
  file.hunks.length > 0 && (
    <p className="diff-note soft" title={`${file.old_path} → ${file.path}`}>
      Renamed from <code>{file.old_path}</code>
    </p>
  );

function CommentButton({
  place,
  chosen,
  onDown,
  onOver,
  onKey,
}: {
  place: { path: string; line: number; side: string };
  chosen: boolean;
  onDown: (shift: boolean) => void;
  onOver: () => void;
  onKey: () => void;
}) {
  return (
    <button
      type="button"
      tabIndex={-1}
      className={`comment-line ${chosen ? "chosen" : ""}`}
      aria-label={`Comment on line ${place.line}${place.side === "base" ? " of the base" : ""}`}
      title="Comment; drag, or Shift and click, for several lines (C on a change)"
      onPointerDown={(event) => {
        event.preventDefault(); // no text is selected by the drag
        event.currentTarget.releasePointerCapture(event.pointerId);
        onDown(event.shiftKey);
      }}
      onPointerEnter={onOver}
      onKeyDown={(event) => event.key === "Enter" && onKey()}
    >
      <Icon name="plus" size={12} />
    </button>
  );
}

function FileList({
  files,
  folded,
  onGo,
  threads,
}: {
  files: PullFile[];
  folded: ReadonlySet<string>;
  onGo: (path: string) => void;
  threads: Thread[];
}) {
  const [query, setQuery] = useState("");
  const words = query.toLowerCase();
  const fitting = words ? files.filter((file) => file.path.toLowerCase().includes(words)) : files;
  return (
    <nav className="file-list" aria-label="Changed files">
      <input
        type="search"
        aria-label="Find a file"
        placeholder="Find a file"
        value={query}
        onChange={(event) => setQuery(event.target.value)}
      />
      <ul>
        {fitting.slice(0, 1000).map((file) => {
          const open = threads.filter((one) => one.path === pathOn(file, one.side) && !one.resolved).length;
          return (
            <li key={file.path}>
              <Button
                kind="quiet"
                className={folded.has(file.path) ? "seen" : ""}
                title={file.path}
                onClick={() => onGo(file.path)}
              >
                <Letter status={file.status} />
                <Path path={file.path} />
                {open > 0 && <span className="how-many" title={plural(open, "open thread")} data-drawn={open} />}
                {file.viewed && <Icon name="check" size={12} />}
              </Button>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
