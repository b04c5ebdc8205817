// A conflicting file as parts: what both sides agree on, and where one must choose.
import type { ConflictFile } from "./types";

export type Part = { kind: "same"; lines: string[] } | { kind: "choice"; ours: string[]; theirs: string[] };
export type Taken = "ours" | "theirs" | "both";

const MARK = /^(<{7}|={7}|>{7})/;

/** The parts of git's text with markers; null where the file itself has lines that look like them, or lacks a side. */
export function partsOf(file: ConflictFile): Part[] | null {
  if (file.markers === null || file.ours === null || file.theirs === null) return null;
  if ([...file.ours.split("\n"), ...file.theirs.split("\n")].some((line) => MARK.test(line))) return null;
  const parts: Part[] = [];
  let same: string[] = [];
  let choice: Extract<Part, { kind: "choice" }> | null = null;
  let side: "ours" | "theirs" = "ours";
  for (const line of file.markers.split("\n")) {
    if (line.startsWith("<<<<<<<")) {
      if (same.length > 0) parts.push({ kind: "same", lines: same });
      same = [];
      choice = { kind: "choice", ours: [], theirs: [] };
      side = "ours";
    } else if (choice && line.startsWith("=======")) side = "theirs";
    else if (choice && line.startsWith(">>>>>>>")) {
      parts.push(choice);
      choice = null;
    } else if (choice) choice[side].push(line);
    else same.push(line);
  }
  if (choice) return null;
  if (same.length > 0) parts.push({ kind: "same", lines: same });
  return parts;
}

/** The file with the choices made; what is not chosen yet is null. */
export function settled(parts: Part[], taken: (Taken | undefined)[]): string | null {
  let number = 0;
  const lines: string[] = [];
  for (const part of parts) {
    if (part.kind === "same") {
      lines.push(...part.lines);
      continue;
    }
    const choice = taken[number++];
    if (choice === undefined) return null;
    if (choice !== "theirs") lines.push(...part.ours);
    if (choice !== "ours") lines.push(...part.theirs);
  }
  return lines.join("\n");
}
