import { expect, test } from "vitest";
import { changedLines, EVERYTHING, keep, selection, takeHunk, takeLine, taken, takePaths } from "./choice";
import { pieces } from "./colour";
import { graphOf } from "./graph";
import { isChange, nextStop, placeOf, rowsOf, stopsOf } from "./rows";
import { treeOf } from "./tree";
import type { BlameHunk, Changed, FileDiff, Hunk, Line, Repository } from "./types";
import { homeOf, whoseLines } from "./whose";
import { ago, dayOf } from "./words";

const lines = (text: string): Line[] => text.split("").map((kind, at) => ({ kind, text: `${kind}${at}` }));
const hunk = (id: string, kinds: string): Hunk => ({
  id,
  old_start: 1,
  old_lines: 3,
  new_start: 1,
  new_lines: 3,
  header: "",
  lines: lines(kinds),
});
const file = (path: string, ...hunks: Hunk[]): FileDiff => ({
  path,
  old_path: null,
  status: "modified",
  additions: 1,
  deletions: 1,
  binary: false,
  hunks,
});
const changed = (...paths: string[]): Changed[] => paths.map((path) => ({ path, status: "modified" }));

test("side by side, the n-th removed line stands beside the n-th added one", () => {
  const rows = rowsOf([file("a", hunk("h", " --+ +"))], true, new Set());
  expect(rows.map((row) => (row.kind === "line" ? [row.old, row.new] : row.kind))).toEqual([
    "file",
    "hunk",
    [0, 0],
    [1, 3],
    [2, null],
    [4, 4],
    [null, 5],
  ]);
});

test("a folded file is its head alone; one that is not text says so", () => {
  expect(rowsOf([file("a", hunk("h", "+"))], false, new Set(["a"]))).toHaveLength(1);
  const image = { ...file("b.png"), binary: true };
  expect(rowsOf([image], false, new Set())[1]).toMatchObject({ kind: "note" });
});

test("the walk stops where changes begin, and goes round", () => {
  const rows = rowsOf([file("a", hunk("h", " +- -")), file("b", hunk("i", "+"))], false, new Set());
  const stops = stopsOf(rows);
  expect(stops.map((at) => isChange(rows[at]))).toEqual([true, true, true]);
  expect(nextStop(stops, -1, 1)).toBe(stops[0]);
  expect(nextStop(stops, stops[2] as number, 1)).toBe(stops[0]);
  expect(nextStop(stops, stops[0] as number, -1)).toBe(stops[2]);
  expect(nextStop([], 0, 1)).toBe(-1);
});

test("a hunk says where it lies", () => {
  expect(placeOf({ ...hunk("h", ""), new_start: 4, new_lines: 1 })).toBe("Line 4");
  expect(placeOf({ ...hunk("h", ""), new_lines: 0, old_start: 2, old_lines: 2 })).toBe("Lines 2–3 removed");
  expect(placeOf({ ...hunk("h", ""), new_lines: 0, old_lines: 1 })).toBe("Line 1 removed");
});

test("hunks and lines are taken out of a commit and put back", () => {
  const a = file("a", hunk("one", " -+"), hunk("two", "++"));
  const files = changed("a", "b");
  expect(selection(EVERYTHING, files)).toEqual({});
  const without = takeHunk(EVERYTHING, a, a.hunks[0] as Hunk, false);
  expect(taken(without, "a")).toBe("some");
  expect(selection(without, files)).toEqual({ paths: ["b"], hunks: [{ path: "a", id: "two" }] });
  const line = takeLine(without, a, a.hunks[1] as Hunk, 0, false);
  expect(selection(line, files).hunks).toEqual([{ path: "a", id: "two", lines: [1] }]);
  expect(taken(takeHunk(line, a, a.hunks[1] as Hunk, false), "a")).toBe("none");
  const all = takeHunk(takeLine(line, a, a.hunks[1] as Hunk, 0, true), a, a.hunks[0] as Hunk, true);
  expect(selection(all, files)).toEqual({});
  expect(changedLines(a.hunks[0] as Hunk)).toEqual([1, 2]);
});

test("a renamed file is committed with the name it had; what is gone is forgotten", () => {
  const renamed: Changed = { path: "new", old_path: "old", status: "renamed" };
  const choice = takePaths(EVERYTHING, ["b"], false);
  expect(selection(choice, [renamed, ...changed("b")]).paths).toEqual(["new", "old"]);
  expect(keep(choice, changed("c"))).toEqual(EVERYTHING);
  expect(keep(choice, changed("b"))).toBe(choice);
});

test("folders that hold one folder alone are one row with it", () => {
  const rows = treeOf(changed("a/b/c.ts", "a/b/d/e.ts", "z.ts"), new Set(), false);
  expect(rows.map((row) => [row.kind, row.name, row.depth])).toEqual([
    ["folder", "a/b", 0],
    ["folder", "d", 1],
    ["file", "e.ts", 2],
    ["file", "c.ts", 1],
    ["file", "z.ts", 0],
  ]);
  expect(treeOf(changed("a/b/c.ts"), new Set(["a/b"]), false)).toHaveLength(1);
});

test("a merge leads into two lanes, which meet where the branches began", () => {
  const rows = graphOf([
    { id: "merge", parents: ["main", "side"] },
    { id: "side", parents: ["base"] },
    { id: "main", parents: ["base"] },
    { id: "base", parents: [] },
  ]);
  expect(rows.map((row) => row.lane)).toEqual([0, 1, 0, 0]);
  expect(rows[0]?.edges.map(({ from, to, half }) => [from, to, half])).toEqual([
    [0, 0, "bottom"],
    [0, 1, "bottom"],
  ]);
  expect(rows[3]?.edges.map(({ from, to, half }) => [from, to, half])).toEqual([
    [0, 0, "top"],
    [1, 0, "top"],
  ]);
});

test("a parent that comes before its child does not break the lanes", () => {
  expect(
    graphOf([
      { id: "base", parents: [] },
      { id: "child", parents: ["base"] },
    ]),
  ).toHaveLength(2);
});

test("a line is cut where tokens and changed words begin and end", () => {
  const cut = pieces("let x = 1", [{ from: 0, to: 3, name: "k" }], [[2, 5]]);
  expect(cut).toEqual([
    { text: "le", name: "k", marked: false },
    { text: "t", name: "k", marked: true },
    { text: " x", name: "", marked: true },
    { text: " = 1", name: "", marked: false },
  ]);
});

test("times are said as people do", () => {
  const now = new Date(2026, 5, 15, 12);
  expect(dayOf(new Date(2026, 5, 15, 1).toISOString(), now)).toBe("Today");
  expect(dayOf(new Date(2026, 5, 14, 23).toISOString(), now)).toBe("Yesterday");
  expect(ago(new Date(now.getTime() - 90_000).toISOString(), now.getTime())).toBe("1 min ago");
  expect(ago(new Date(now.getTime() + 90_000).toISOString(), now.getTime())).toBe("just now");
});

test("lines that are not committed move those that are", () => {
  const by = (commit_id: string, start: number, count: number) => ({ commit_id, start, lines: count }) as BlameHunk;
  const at = (old_start: number, old_lines: number, new_start: number, new_lines: number) => ({
    ...hunk("h", ""),
    old_start,
    old_lines,
    new_start,
    new_lines,
  });
  const whose = (hunks: Hunk[], total: number) =>
    whoseLines([by("a", 1, 2), by("b", 3, 2)], hunks, total)
      .slice(1)
      .map((part) => part?.commit_id ?? "-")
      .join("");
  expect(whose([], 4)).toBe("aabb");
  expect(whose([at(1, 0, 2, 2)], 6)).toBe("a--abb");
  expect(whose([at(0, 0, 1, 1)], 5)).toBe("-aabb");
  expect(whose([at(2, 2, 1, 0)], 2)).toBe("ab");
  expect(whose([at(1, 1, 1, 1), at(4, 1, 4, 2)], 5)).toBe("-ab--");
});

test("a file belongs to the repository in the deepest folder above it", () => {
  const repositories = [
    { name: "root", path: "" },
    { name: "api", path: "services/api" },
  ] as Repository[];
  expect(homeOf(repositories, "services/api/main.py")).toEqual({ repository: "api", path: "main.py" });
  expect(homeOf(repositories, "services/apis.py")).toEqual({ repository: "root", path: "services/apis.py" });
});
