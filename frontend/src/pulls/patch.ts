// Hunks as text made into lines with their numbers, and what lines of a file say.
import type { Hunk, Line } from "../source/types";
import type { PatchFile, PatchHunk, Place, PullFile } from "./types";

export function fileOf(file: PatchFile): PullFile {
  return { ...file, hunks: file.hunks.map(hunkOf) };
}

function hunkOf({ text, spans, ...hunk }: PatchHunk): Hunk {
  let old = hunk.old_start;
  let fresh = hunk.new_start;
  const marked = new Map<number, [number, number][]>();
  for (const [at, from, to] of spans) marked.set(at, [...(marked.get(at) ?? []), [from, to]]);
  const lines: Line[] = [];
  for (const [at, shown] of text.split("\n").entries()) {
    const kind = shown[0] ?? " ";
    const line: Line = { kind, text: shown.slice(1), spans: marked.get(at) };
    if (kind === "\\") continue; // "No newline at end of file"
    if (kind !== "+") line.old = old++;
    if (kind !== "-") line.new = fresh++;
    lines.push(line);
  }
  return { ...hunk, lines };
}

/** What a place of a file is called on that side of the difference. */
export const pathOn = (file: PullFile, side: Place["side"]): string =>
  side === "base" ? (file.old_path ?? file.path) : file.path;

/** The lines of a place as the difference shows them; null where it does not show all of them. */
export function shownLines(files: PullFile[], place: Place): string[] | null {
  const number = place.side === "base" ? "old" : "new";
  const file = files.find((one) => pathOn(one, place.side) === place.path);
  const found = new Map<number, string>();
  for (const hunk of file?.hunks ?? [])
    for (const line of hunk.lines) {
      const at = line[number];
      if (at !== undefined && at >= place.start_line && at <= place.line) found.set(at, line.text);
    }
  if (found.size !== place.line - place.start_line + 1) return null;
  return [...found].sort(([a], [b]) => a - b).map(([, text]) => text);
}

const SUGGESTION = /^(`{3,})suggestion[^\n]*\n([\s\S]*?)^\1[ \t]*$/m;
/** A comment's Markdown cut at its first suggestion, which is what the API applies; null where there is none. */
export function suggestionIn(body: string): { before: string; lines: string[]; after: string } | null {
  const text = body.replace(/\r\n/g, "\n");
  const found = SUGGESTION.exec(text);
  if (!found) return null;
  const inside = found[2] ?? "";
  return {
    before: text.slice(0, found.index),
    lines: inside === "" ? [] : inside.replace(/\n$/, "").split("\n"),
    after: text.slice(found.index + found[0].length),
  };
}

/** Markdown that suggests these lines; its fence is longer than any in them. */
export function suggesting(lines: string[]): string {
  const longest = Math.max(2, ...lines.flatMap((line) => line.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}suggestion\n${lines.map((line) => `${line}\n`).join("")}${fence}\n`;
}

/** Removed and added lines with what both begin and end with between them, as small differences show them. */
export function smallDiff(old: string[], fresh: string[]): Line[] {
  let head = 0;
  while (head < Math.min(old.length, fresh.length) && old[head] === fresh[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(old.length, fresh.length) - head && old.at(-1 - tail) === fresh.at(-1 - tail)) tail += 1;
  const as = (kind: string, lines: string[]) => lines.map((text) => ({ kind, text }));
  return [
    ...as(" ", old.slice(0, head)),
    ...as("-", old.slice(head, old.length - tail)),
    ...as("+", fresh.slice(head, fresh.length - tail)),
    ...as(" ", tail ? old.slice(-tail) : []),
  ];
}
