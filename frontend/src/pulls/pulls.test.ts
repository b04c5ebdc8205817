import { describe, expect, it } from "vitest";
import { partsOf, settled } from "./conflict";
import { fileOf, shownLines, smallDiff, suggesting, suggestionIn } from "./patch";
import type { ConflictFile, PatchFile } from "./types";

const hunk = { old_start: 3, old_lines: 2, new_start: 5, new_lines: 2, header: "" };
const patched: PatchFile = {
  path: "new.txt",
  old_path: "old.txt",
  status: "renamed",
  additions: 1,
  deletions: 1,
  binary: false,
  viewed: false,
  content: "a:b",
  hunks: [{ ...hunk, text: " same\n-was\n\\ No newline at end of file\n+is", spans: [[3, 0, 2]] }],
};

describe("a patch", () => {
  it("is lines with their numbers, without git's remark on the end of the file", () => {
    expect(fileOf(patched).hunks[0]?.lines).toEqual([
      { kind: " ", text: "same", old: 3, new: 5 },
      { kind: "-", text: "was", old: 4 },
      { kind: "+", text: "is", new: 6, spans: [[0, 2]] },
    ]);
  });

  it("tells what lines say on either side, by that side's name, where it shows all of them", () => {
    const files = [fileOf(patched)];
    expect(shownLines(files, { path: "new.txt", side: "head", start_line: 5, line: 6 })).toEqual(["same", "is"]);
    expect(shownLines(files, { path: "old.txt", side: "base", start_line: 4, line: 4 })).toEqual(["was"]);
    expect(shownLines(files, { path: "new.txt", side: "head", start_line: 5, line: 7 })).toBeNull();
    expect(shownLines(files, { path: "old.txt", side: "head", start_line: 5, line: 5 })).toBeNull();
  });
});

describe("a suggestion", () => {
  it("comes back as it was written, whatever fences its lines hold", () => {
    for (const lines of [["a", "b"], ["```", "x", "````"], [""], []])
      expect(suggestionIn(`Before\n${suggesting(lines)}After`)).toEqual({
        before: "Before\n",
        lines,
        after: "\nAfter",
      });
    expect(suggestionIn("```js\nx\n```")).toBeNull();
  });

  it("is shown as the lines that differ between those that do not", () => {
    expect(smallDiff(["a", "b", "c"], ["a", "B", "c"]).map((line) => line.kind + line.text)).toEqual([
      " a",
      "-b",
      "+B",
      " c",
    ]);
    expect(smallDiff(["a", "a"], ["a"]).map((line) => line.kind)).toEqual([" ", "-"]);
  });
});

describe("a conflict", () => {
  const file = (markers: string | null, more: Partial<ConflictFile> = {}): ConflictFile => ({
    path: "a",
    base: "b\n",
    ours: "1\n",
    theirs: "2\n",
    binary: false,
    markers,
    ...more,
  });
  const markers = "top\n<<<<<<< a\n1\n=======\n2\n>>>>>>> a\nend\n";

  it("is settled place by place, byte for byte", () => {
    const parts = partsOf(file(markers)) ?? [];
    expect(settled(parts, [])).toBeNull();
    expect(settled(parts, ["ours"])).toBe("top\n1\nend\n");
    expect(settled(parts, ["theirs"])).toBe("top\n2\nend\n");
    expect(settled(parts, ["both"])).toBe("top\n1\n2\nend\n");
    const crlf = partsOf(file(markers.replaceAll("\n", "\r\n"))) ?? [];
    expect(settled(crlf, ["theirs"])).toBe("top\r\n2\r\nend\r\n");
  });

  it("is not cut where the file's own lines look like its marks, or a side is missing", () => {
    expect(partsOf(file(markers, { ours: "Title\n=======\n" }))).toBeNull();
    expect(partsOf(file(null, { theirs: null }))).toBeNull();
    expect(partsOf(file("<<<<<<< a\n1\n"))).toBeNull();
  });
});
