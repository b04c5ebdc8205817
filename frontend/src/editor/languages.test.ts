import { expect, test } from "vitest";
import { endingOf } from "./languages";

test("a file's language goes by the last ending, whatever its case", () => {
  expect(endingOf("a/b.test.TSX")).toBe("ts");
  expect(endingOf("Makefile")).toBe("");
  expect(endingOf(".gitignore")).toBe("gitignore");
});
