// What things of version control are called on the page.
import type { Fact } from "../api";
import type { Snapshot, Status } from "./types";

export const LETTER: Record<Status, string> = {
  added: "A",
  untracked: "U",
  modified: "M",
  deleted: "D",
  renamed: "R",
  conflicted: "!",
};
export const STATUS_WORDS: Record<Status, string> = {
  added: "added",
  untracked: "new",
  modified: "changed",
  deleted: "deleted",
  renamed: "renamed",
  conflicted: "in conflict",
};
const REASONS: Record<string, string> = {
  timer: "While files changed",
  request: "Asked for",
  discard: "Before a discard",
  rollback: "Before a rollback",
  merge: "Before a merge",
  restore: "Before a restore",
  delete: "Before a deletion",
  deletion: "Before a deletion",
};

export const snapshotTitle = (row: Snapshot) => row.label || REASONS[row.reason] || `Before: ${row.reason}`;

export const plural = (n: number, one: string, many = `${one}s`) => `${n.toLocaleString()} ${n === 1 ? one : many}`;

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

export const atClock = (time: string) => clock.format(new Date(time));
export const inFull = (time: string) => full.format(new Date(time));

export function dayOf(time: string, now = new Date()): string {
  const then = new Date(time);
  const days = Math.round((midnight(now) - midnight(then)) / 86_400_000);
  return days === 0 ? "Today" : days === 1 ? "Yesterday" : day.format(then);
}

const midnight = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

/** How long ago, in the largest unit that fits. */
export function ago(time: string, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - new Date(time).getTime()) / 1000));
  const units: [number, string][] = [
    [31_536_000, "y"],
    [2_592_000, "mo"],
    [604_800, "w"],
    [86_400, "d"],
    [3600, "h"],
    [60, "min"],
  ];
  for (const [size, name] of units) if (seconds >= size) return `${Math.floor(seconds / size)} ${name} ago`;
  return "just now";
}

/** What a clone is doing, by a `session.progress`. */
export function stepOf({ data }: Fact): string {
  return typeof data.percent === "number" ? `${data.step}, ${data.percent} %` : String(data.step);
}
