// Differences of any number of files, side by side or inline: drawn where one looks, walked by keys, with room for what others
// put beside hunks and beneath lines (a box to choose them by, comments).
//
//   <DiffView label="Changes of a.py" files={diff.files} sides hunkTools={(file, hunk) => …} below={(at) => …} />
//
// `gutter` is drawn beside the number of each line, `below` across the width beneath it; both get the line, its hunk, its file and
// the side that it stands on; `fileBelow` is drawn beneath a file's head. Rows are as high as they are: whatever a slot draws is
// measured.
import { defaultRangeExtractor, type Range, useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Icon } from "../shell/icons";
import { pieces, tokensOf, useParser } from "./colour";
import { Letter } from "./Letter";
import { isChange, type LineRow, nextStop, placeOf, type Row, rowsOf, stopsOf, toggled } from "./rows";
import type { FileDiff, Hunk, Line } from "./types";
import { STATUS_WORDS } from "./words";

export type Side = "old" | "new";
/** `number` is the line's place in the hunk, from 0. */
export type LineAt = { file: FileDiff; hunk: Hunk; line: Line; number: number; side: Side };
export type Slots = {
  fileTools?: (file: FileDiff) => ReactNode;
  hunkTools?: (file: FileDiff, hunk: Hunk) => ReactNode;
  gutter?: (at: LineAt) => ReactNode;
  below?: (at: LineAt) => ReactNode;
  fileBelow?: (file: FileDiff) => ReactNode;
};
/** Where to show: a file, or a line of it on one side. A new object each time. */
export type DiffGoal = { path: string; side?: Side; line?: number };
/** Which files are folded away, for who wants to say so. */
type Folding = { folded: ReadonlySet<string>; onFold: (path: string) => void };
type Props = Slots & {
  files: FileDiff[];
  label: string;
  sides: boolean;
  /** Told of the hunk that the keys are at. */
  onHunk?: (file: FileDiff, hunk: Hunk | null) => void;
  /** Keys that it does not know itself, with the hunk that they are for, and the line's place in it. */
  onKey?: (event: KeyboardEvent, file: FileDiff, hunk: Hunk | null, number: number) => void;
  goal?: DiffGoal | null;
  folding?: Folding;
};

/** The difference that "next change" is for: the one that was last looked at. */
let walked: ((by: 1 | -1) => void) | null = null;
export const walk = (by: 1 | -1) => walked?.(by);
export const canWalk = () => walked !== null;

const HEIGHT: Record<Row["kind"], number> = { file: 37, under: 0, note: 44, hunk: 27, line: 20 };

export function DiffView({ files, label, sides, onHunk, onKey, goal, folding, ...slots }: Props) {
  const [ownFolded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const folded = folding?.folded ?? ownFolded;
  const [at, setAt] = useState(-1); // the row that the keys are at
  const [said, setSaid] = useState("");
  const box = useRef<HTMLElement>(null);
  const under = slots.fileBelow !== undefined;
  const rows = useMemo(() => rowsOf(files, sides, folded, under), [files, sides, folded, under]);
  const stops = useMemo(() => stopsOf(rows), [rows]);
  const heads = useMemo(() => rows.flatMap((row, n) => (row.kind === "file" ? [n] : [])), [rows]);
  const sticky = useRef(0);
  const extract = useCallback(
    (range: Range) => {
      sticky.current = heads.findLast((head) => head <= range.startIndex) ?? 0;
      return [...new Set([sticky.current, ...defaultRangeExtractor(range)])].sort((a, b) => a - b);
    },
    [heads],
  );
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: (n) => HEIGHT[rows[n]?.kind ?? "line"],
    getItemKey: (n) => rows[n]?.key ?? n,
    rangeExtractor: extract,
    overscan: 24,
    scrollPaddingStart: 70,
    useFlushSync: false,
  });

  const move = useCallback(
    (to: number, block: "center" | "start" = "center") => {
      const row = rows[to];
      if (!row) return;
      setAt(to);
      list.scrollToIndex(to, { align: block });
      const file = files[row.file];
      const hunk = row.kind === "line" ? (file?.hunks[row.hunk] ?? null) : null;
      if (file) onHunk?.(file, hunk);
      const number = stops.indexOf(to) + 1;
      setSaid(
        `${number ? `Change ${number} of ${stops.length}, ` : ""}${file?.path}${hunk ? `, ${placeOf(hunk)}` : ""}`,
      );
    },
    [rows, files, stops, list, onHunk],
  );
  const step = useCallback((by: 1 | -1) => move(nextStop(stops, at, by)), [move, stops, at]);
  useEffect(() => {
    walked = step;
    return () => {
      if (walked === step) walked = null;
    };
  }, [step]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each goal is gone to once, when it is set
  useEffect(() => {
    const to = goal ? rows.findIndex((row) => isGoal(row, files, goal)) : -1;
    if (to >= 0) move(to, goal?.line === undefined ? "start" : "center");
  }, [goal]);

  // Of a tab that was gone to before there was anything in it.
  useEffect(() => {
    const focused = document.activeElement;
    if (focused?.matches(".tab-body") && focused.contains(box.current)) box.current?.focus();
  }, []);

  const fold = folding?.onFold ?? ((path: string) => setFolded((old) => toggled(old, path)));
  const key = (event: KeyboardEvent) => {
    if ((event.target as HTMLElement).closest("input, textarea, select, [contenteditable=true]")) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const file = heads.findLast((head) => head <= Math.max(at, sticky.current)) ?? 0;
    const next = heads.find((head) => head > file);
    if (event.key === "n" || event.key === "j") step(1);
    else if (event.key === "p" || event.key === "k") step(-1);
    else if (event.key === "]" && next !== undefined) move(next, "start");
    else if (event.key === "[") move(heads.findLast((head) => head < file) ?? file, "start");
    else {
      const row = rows[at];
      const where = row && files[row.file];
      const line = row?.kind === "line" ? row : null;
      if (where) onKey?.(event, where, (line && where.hunks[line.hunk]) ?? null, line?.new ?? line?.old ?? -1);
      return;
    }
    event.preventDefault();
  };

  const items = list.getVirtualItems();
  return (
    <section
      className={`diff-view ${sides ? "two" : "one"}`}
      aria-label={label}
      ref={box}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keys
      tabIndex={0}
      onKeyDown={key}
      onFocus={() => {
        walked = step;
      }}
    >
      <span className="hidden" role="status">
        {said}
      </span>
      <div className="diff-rows" style={{ height: list.getTotalSize() }}>
        {items.map((item) => {
          const row = rows[item.index] as Row;
          const stuck = item.index === sticky.current;
          return (
            <div
              key={item.key}
              data-index={item.index}
              ref={list.measureElement}
              className={`diff-row ${stuck ? "stuck" : ""} ${item.index === at ? "at" : ""}`}
              style={stuck ? undefined : { transform: `translateY(${item.start}px)` }}
            >
              <OneRow row={row} files={files} slots={slots} folded={folded} onFold={fold} sides={sides} />
            </div>
          );
        })}
      </div>
    </section>
  );
}

function isGoal(row: Row, files: FileDiff[], { path, side, line }: DiffGoal): boolean {
  const file = files[row.file];
  if (file?.path !== path) return false;
  if (line === undefined) return row.kind === "file";
  const number = row.kind === "line" ? (side === "old" ? row.old : row.new) : null;
  if (row.kind !== "line" || number === null) return false;
  return file.hunks[row.hunk]?.lines[number]?.[side ?? "new"] === line;
}

type RowProps = {
  row: Row;
  files: FileDiff[];
  slots: Slots;
  folded: ReadonlySet<string>;
  onFold: (path: string) => void;
  sides: boolean;
};

function OneRow({ row, files, slots, folded, onFold, sides }: RowProps) {
  const file = files[row.file];
  if (!file) return null;
  if (row.kind === "note") return <p className="diff-note soft">{row.text}</p>;
  if (row.kind === "under") return slots.fileBelow?.(file);
  if (row.kind === "file")
    return (
      <div className="diff-file">
        <button
          type="button"
          className="fold"
          aria-expanded={!folded.has(file.path)}
          aria-label={`${file.path}, ${STATUS_WORDS[file.status]}`}
          onClick={() => onFold(file.path)}
        >
          <Icon name="right" size={12} className={folded.has(file.path) ? "" : "open"} />
        </button>
        <h3 aria-label={file.path} title={file.old_path ? `${file.old_path} → ${file.path}` : file.path}>
          <Path path={file.path} />
        </h3>
        <Letter status={file.status} />
        <Counts additions={file.additions} deletions={file.deletions} />
        <span className="grow" />
        {slots.fileTools?.(file)}
      </div>
    );
  const hunk = file.hunks[row.hunk];
  if (!hunk) return null;
  if (row.kind === "hunk")
    return (
      <div className="diff-hunk">
        <span className="where">{placeOf(hunk)}</span>
        <code>{hunk.header}</code>
        <span className="grow" />
        {slots.hunkTools?.(file, hunk)}
      </div>
    );
  return <LineCells row={row} file={file} hunk={hunk} slots={slots} sides={sides} />;
}

/** The folders soft, the name plain; a path that is too long loses its beginning. */
export function Path({ path }: { path: string }) {
  const cut = path.lastIndexOf("/") + 1;
  return (
    <span className="path-shown">
      {cut > 0 && <span className="soft folders">{path.slice(0, cut)}</span>}
      <span className="name">{path.slice(cut)}</span>
    </span>
  );
}

export function Counts({ additions, deletions }: { additions: number; deletions: number }) {
  return (
    <span className="counts">
      <span className="plus">+{additions}</span> <span className="minus">−{deletions}</span>
    </span>
  );
}

function LineCells({
  row,
  file,
  hunk,
  slots,
  sides,
}: {
  row: LineRow;
  file: FileDiff;
  hunk: Hunk;
  slots: Slots;
  sides: boolean;
}) {
  const parser = useParser(file.path);
  const place = (number: number | null, side: Side): LineAt | null => {
    const line = number === null ? undefined : hunk.lines[number];
    return line && number !== null ? { file, hunk, line, number, side } : null;
  };
  const old = place(row.old, "old");
  const fresh = place(row.new, "new");
  const content = (at: LineAt) => <Text line={at.line} tokens={tokensOf(hunk, at.number, parser)} />;
  const below = [isChange(row) ? old : null, fresh].map((at) => at && slots.below?.(at)).filter(Boolean);
  if (sides)
    return (
      <>
        <div className="diff-line">
          <Half at={old} number={old?.line.old} slots={slots}>
            {old && content(old)}
          </Half>
          <Half at={fresh} number={fresh?.line.new} slots={slots}>
            {fresh && content(fresh)}
          </Half>
        </div>
        {below.length > 0 && <div className="diff-below">{below}</div>}
      </>
    );
  const shown = fresh ?? old;
  if (!shown) return null;
  return (
    <>
      <div className={`diff-line ${kindOf(shown.line)}`}>
        <span className="number">{shown.line.old ?? ""}</span>
        <span className="number">{shown.line.new ?? ""}</span>
        <span className="gutter">{slots.gutter?.(shown)}</span>
        <span className="sign">{signOf(shown.line)}</span>
        <code>{content(shown)}</code>
      </div>
      {below.length > 0 && <div className="diff-below">{below}</div>}
    </>
  );
}

const kindOf = (line: Line) => (line.kind === "+" ? "plus" : line.kind === "-" ? "minus" : "");
const signOf = (line: Line) => (line.kind === "-" ? "−" : line.kind);

function Half({
  at,
  number,
  slots,
  children,
}: {
  at: LineAt | null;
  number: number | undefined;
  slots: Slots;
  children: ReactNode;
}) {
  return (
    <div className={`half ${at ? kindOf(at.line) : "none"}`}>
      <span className="number">{number ?? ""}</span>
      <span className="gutter">{at && slots.gutter?.(at)}</span>
      <span className="sign">{at && signOf(at.line)}</span>
      <code>{children}</code>
    </div>
  );
}

function Text({ line, tokens }: { line: Line; tokens: ReturnType<typeof tokensOf> }) {
  if (tokens.length === 0 && !line.spans?.length) return line.text;
  const runs: { marked: boolean; at: number; parts: ReactNode[] }[] = [];
  let at = 0;
  for (const { text, name, marked } of pieces(line.text, tokens, line.spans ?? [])) {
    const part = name ? (
      <span key={at} className={name}>
        {text}
      </span>
    ) : (
      text
    );
    const last = runs.at(-1);
    if (last?.marked === marked) last.parts.push(part);
    else runs.push({ marked, at, parts: [part] });
    at += text.length;
  }
  return runs.map((run) => (run.marked ? <mark key={run.at}>{run.parts}</mark> : run.parts));
}
