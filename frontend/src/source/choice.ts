// What of the changes goes into the next commit: whole files, hunks, single lines. Everything does until something is taken out.
import type { Changed, FileDiff, Hunk } from "./types";

/** `left` are the paths taken out; `parts` the hunks of files that go in part, each with its lines or null for all of them. */
export type Choice = {
  left: ReadonlySet<string>;
  parts: ReadonlyMap<string, ReadonlyMap<string, readonly number[] | null>>;
};
export type Taken = "all" | "none" | "some";
/** The body of a commit or a discard. */
export type Selection = {
  paths?: string[];
  hunks?: { path: string; id: string; lines?: number[] }[];
};

export const EVERYTHING: Choice = { left: new Set(), parts: new Map() };

export const changedLines = (hunk: Hunk): number[] => hunk.lines.flatMap((line, at) => (line.kind === " " ? [] : [at]));

export function taken(choice: Choice, path: string): Taken {
  if (choice.left.has(path)) return "none";
  return choice.parts.has(path) ? "some" : "all";
}

export function hunkTaken(choice: Choice, path: string, hunk: Hunk): Taken {
  const whole = taken(choice, path);
  if (whole !== "some") return whole;
  const lines = choice.parts.get(path)?.get(hunk.id ?? "");
  return lines === undefined ? "none" : lines === null ? "all" : "some";
}

export function lineTaken(choice: Choice, path: string, hunk: Hunk, number: number): boolean {
  const how = hunkTaken(choice, path, hunk);
  return (
    how === "all" ||
    (how === "some" &&
      !!choice.parts
        .get(path)
        ?.get(hunk.id ?? "")
        ?.includes(number))
  );
}

/** The paths taken whole, or not at all. */
export function takePaths(choice: Choice, paths: string[], take: boolean): Choice {
  const left = new Set(choice.left);
  const parts = new Map(choice.parts);
  for (const path of paths) {
    parts.delete(path);
    if (take) left.delete(path);
    else left.add(path);
  }
  return { left, parts };
}

export function takeHunk(choice: Choice, file: FileDiff, hunk: Hunk, take: boolean): Choice {
  return takeLines(choice, file, hunk, take ? changedLines(hunk) : []);
}

export function takeLine(choice: Choice, file: FileDiff, hunk: Hunk, number: number, take: boolean): Choice {
  const now = changedLines(hunk).filter((line) => lineTaken(choice, file.path, hunk, line));
  return takeLines(choice, file, hunk, take ? [...now, number] : now.filter((line) => line !== number));
}

function takeLines(choice: Choice, file: FileDiff, hunk: Hunk, lines: number[]): Choice {
  const mine = new Map<string, readonly number[] | null>();
  for (const other of file.hunks) {
    const how = hunkTaken(choice, file.path, other);
    if (!other.id || how === "none") continue;
    mine.set(other.id, how === "all" ? null : (choice.parts.get(file.path)?.get(other.id) ?? null));
  }
  const wanted = [...new Set(lines)].sort((a, b) => a - b);
  if (wanted.length === 0) mine.delete(hunk.id ?? "");
  else mine.set(hunk.id ?? "", wanted.length === changedLines(hunk).length ? null : wanted);
  if (mine.size === 0) return takePaths(choice, [file.path], false);
  const whole = mine.size === file.hunks.length && [...mine.values()].every((part) => part === null);
  if (whole) return takePaths(choice, [file.path], true);
  const left = new Set(choice.left);
  left.delete(file.path);
  return { left, parts: new Map(choice.parts).set(file.path, mine) };
}

/** Forgets what is about files that have not changed any more. */
export function keep(choice: Choice, changed: Changed[]): Choice {
  const there = new Set(changed.map((file) => file.path));
  const gone = [...choice.left, ...choice.parts.keys()].some((path) => !there.has(path));
  if (!gone) return choice;
  return {
    left: new Set([...choice.left].filter((path) => there.has(path))),
    parts: new Map([...choice.parts].filter(([path]) => there.has(path))),
  };
}

export const chosenCount = (choice: Choice, changed: Changed[]): number =>
  changed.filter((file) => !choice.left.has(file.path)).length;

/** What to send; nothing at all for everything. */
export function selection(choice: Choice, changed: Changed[]): Selection {
  if (choice.left.size === 0 && choice.parts.size === 0) return {};
  const whole = changed.filter((file) => taken(choice, file.path) === "all");
  const hunks = [...choice.parts].flatMap(([path, ids]) =>
    [...ids].map(([id, lines]) => ({ path, id, ...(lines ? { lines: [...lines] } : {}) })),
  );
  return { paths: whole.flatMap((file) => (file.old_path ? [file.path, file.old_path] : [file.path])), hunks };
}
