// A difference as rows to draw, one list for all files: what stands where, what is folded away, where changes begin.
import type { FileDiff, Hunk, Line } from "./types";

export type Row =
  | { kind: "file"; key: string; file: number }
  | { kind: "under"; key: string; file: number }
  | { kind: "note"; key: string; file: number; text: string }
  | { kind: "hunk"; key: string; file: number; hunk: number }
  | { kind: "line"; key: string; file: number; hunk: number; old: number | null; new: number | null };
/** `old` and `new` are places in the hunk's lines: both are the same for a line that both sides have. */
export type LineRow = Extract<Row, { kind: "line" }>;

/** The rows of all files that are not in `folded` (by path); side by side, the n-th removed line stands beside the n-th added.
 *  With `under`, there is one beneath each file's head for whatever somebody puts there. */
export function rowsOf(files: FileDiff[], sides: boolean, folded: ReadonlySet<string>, under = false): Row[] {
  const rows: Row[] = [];
  files.forEach((file, at) => {
    const key = `${file.status}:${file.path}`;
    rows.push({ kind: "file", key, file: at });
    if (folded.has(file.path)) return;
    if (under) rows.push({ kind: "under", key: `${key}:under`, file: at });
    const text = noteOf(file);
    if (text) rows.push({ kind: "note", key: `${key}:note`, file: at, text });
    file.hunks.forEach((hunk, number) => {
      rows.push({ kind: "hunk", key: `${key}:${number}`, file: at, hunk: number });
      for (const [old, fresh] of sides ? paired(hunk.lines) : hunk.lines.map(single))
        rows.push({ kind: "line", key: `${key}:${number}:${old}:${fresh}`, file: at, hunk: number, old, new: fresh });
    });
  });
  return rows;
}

function noteOf(file: FileDiff): string {
  if (file.binary) return "Not text: its content is not shown.";
  if (file.truncated) return "Too many lines to show them here.";
  if (file.hunks.length > 0) return "";
  if (file.status === "renamed") return `Renamed from ${file.old_path}, its content is the same.`;
  return file.status === "modified" ? "Its content is the same: its mode or kind changed." : "Empty.";
}

const single = (line: Line, at: number): [number | null, number | null] => [
  line.kind === "+" ? null : at,
  line.kind === "-" ? null : at,
];

function paired(lines: Line[]): [number | null, number | null][] {
  const found: [number | null, number | null][] = [];
  let removed: number[] = [];
  let added: number[] = [];
  const settle = () => {
    for (let n = 0; n < Math.max(removed.length, added.length); n += 1)
      found.push([removed[n] ?? null, added[n] ?? null]);
    removed = [];
    added = [];
  };
  lines.forEach((line, at) => {
    if (line.kind === "-") {
      if (added.length) settle();
      removed.push(at);
    } else if (line.kind === "+") added.push(at);
    else {
      settle();
      found.push([at, at]);
    }
  });
  settle();
  return found;
}

export const isChange = (row: Row | undefined): boolean => row?.kind === "line" && row.old !== row.new;

/** The rows at which a change begins, or a file that has none to show. */
export function stopsOf(rows: Row[]): number[] {
  return rows.flatMap((row, at) => {
    const begins = isChange(row) && !isChange(rows[at - 1]);
    return begins || row.kind === "note" ? [at] : [];
  });
}

/** The stop after (or before) the row; round the ends. -1 where there is none. */
export function nextStop(stops: number[], row: number, by: 1 | -1): number {
  if (stops.length === 0) return -1;
  if (by > 0) return stops.find((stop) => stop > row) ?? (stops[0] as number);
  return stops.findLast((stop) => stop < row) ?? (stops.at(-1) as number);
}

/** Where a hunk lies, in words. */
export function placeOf(hunk: Hunk): string {
  const gone = hunk.new_lines === 0;
  const [start, lines] = gone ? [hunk.old_start, hunk.old_lines] : [hunk.new_start, hunk.new_lines];
  return `${lines > 1 ? `Lines ${start}–${start + lines - 1}` : `Line ${start}`}${gone ? " removed" : ""}`;
}

/** The set with it, or without where it had it. */
export const toggled = (old: ReadonlySet<string>, one: string): ReadonlySet<string> =>
  new Set(old.has(one) ? [...old].filter((other) => other !== one) : [...old, one]);
