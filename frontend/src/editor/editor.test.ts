import { ChangeSet, Text } from "@codemirror/state";
import { expect, test } from "vitest";
import { parseCsv, separatorOf } from "./csv";
import { pointerNote } from "./lfs";
import { pathOf, uriOf, within } from "./paths";
import { expression, type Match, pieces, replaced, replaceLines } from "./replace";
import { changesOf, difference, given, offsetOf, taken } from "./text";

const text = (content: string) => Text.of(content.split("\n"));

test("line ends come back as they were, mixed ones too", () => {
  for (const content of ["a\nb\n", "a\r\nb\r\n", "a\r\nb\n", "", "\r\n", "x"]) {
    const { text, eol } = taken(content);
    expect(given(text, eol)).toBe(content);
  }
  expect(taken("a\r\nb\r\n").eol).toBe("\r\n");
  expect(taken("a\r\nb\n").eol).toBe("\n");
});

test("a pointer of Git LFS is told from what only speaks of one", () => {
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
  expect(pointerNote(pointer)).toContain("12");
  expect(pointerNote(`# ${pointer}`)).toBe("");
  expect(pointerNote("size 12345\n")).toBe("");
});

test("one change leads from a text to another and leaves what both share", () => {
  for (const [from, to] of [
    ["one two", "one 2 two"],
    ["aaa", "aa"],
    ["", "x"],
    ["x\ny", ""],
    ["abab", "ab"],
  ] as const) {
    const change = difference(text(from), text(to));
    expect(change && ChangeSet.of(change, from.length).apply(text(from)).toString()).toBe(to);
  }
  expect(difference(text("same"), text("same"))).toBeNull();
});

test("positions outside of a text are brought to its ends", () => {
  expect(offsetOf(text("ab\ncd"), { line: 1, character: 99 })).toBe(5);
  expect(offsetOf(text("ab\ncd"), { line: 9, character: 0 })).toBe(5);
  expect(offsetOf(text("ab\ncd"), { line: -1, character: 3 })).toBe(0);
});

test("edits of a server are taken together, and refused when they overlap", () => {
  const at = (line: number, from: number, to: number) => ({
    start: { line, character: from },
    end: { line, character: to },
  });
  const edits = [
    { range: at(0, 0, 1), newText: "A" },
    { range: at(0, 2, 3), newText: "C\r\nD" },
  ];
  expect(
    ChangeSet.of(changesOf(text("abc"), edits), 3)
      .apply(text("abc"))
      .toString(),
  ).toBe("AbC\nD");
  const overlapping = [
    { range: at(0, 0, 2), newText: "" },
    { range: at(0, 1, 3), newText: "" },
  ];
  expect(() => changesOf(text("abc"), overlapping)).toThrow("overlap");
});

test("links lead to files of the working copy or nowhere", () => {
  expect(within("docs/a.md", "../img/x%20y.png")).toBe("img/x y.png");
  expect(within("docs/a.md", "/top.md")).toBe("top.md");
  expect(within("a.md", "../../etc/passwd")).toBeNull();
  expect(within("a.md", "%E0%A4%A")).toBeNull();
  expect(pathOf(uriOf("a b/ü#.py"))).toBe("a b/ü#.py");
  expect(pathOf("file:///etc/passwd")).toBeNull();
  expect(pathOf("file:///workspace/../etc/passwd")).toBeNull();
  expect(pathOf("file:///workspace/%2e%2e/etc/passwd")).toBeNull();
});

const match = (line: number, preview: string, ...ranges: [number, number][]): Match => ({
  path: "a",
  line,
  column: 1,
  preview,
  ranges,
});
const plain = { query: "a.b", regex: false, caseSensitive: false };

test("only the lines that were found change, and only where they are as they were", () => {
  const lines = ["a.b A.B", "axb", "changed since"];
  const made = replaceLines(lines, [match(1, "a.b A.B", [0, 3], [4, 7]), match(3, "a.b", [0, 3])], plain, "$1");
  expect(made).toEqual({ lines: ["$1 $1", "axb", "changed since"], count: 2, left: 1 });
});

test("expressions bring groups along, and bad ones say so", () => {
  expect(replaced("get_name(x)", { query: "get_(\\w+)", regex: true, caseSensitive: true }, "$1")).toBe("name(x)");
  expect(() => expression({ query: "(", regex: true, caseSensitive: true })).toThrow(SyntaxError);
});

test("ranges of a preview count characters, not halves of them", () => {
  expect(pieces(match(1, "😀 a.b!", [2, 5]), null, "")).toEqual([
    { text: "😀 ", kind: "plain" },
    { text: "a.b", kind: "mark" },
    { text: "!", kind: "plain" },
  ]);
});

test("cells may hold separators, quotes and line ends", () => {
  expect(parseCsv('a,"b, ""c""\nd"\r\n1,\n', ",", 10)).toEqual([
    ["a", 'b, "c"\nd'],
    ["1", ""],
  ]);
  expect(parseCsv('"never closed', ",", 10)).toEqual([["never closed"]]);
  expect(parseCsv("a\nb\nc", ",", 2)).toHaveLength(2);
  expect(separatorOf("x.csv", "a;b;c,d\n")).toBe(";");
  expect(separatorOf("x.tsv", "a,b")).toBe("\t");
});
