import { expect, test } from "vitest";
import { endingOf } from "../editor/languages";
import { Acks } from "./terminal";

test("bytes are acknowledged every 64 KiB of what was shown, from the offset of the attachment", () => {
  const acks = new Acks(1000);
  acks.arrived(70_000);
  expect(acks.seen).toBe(71_000);
  expect(acks.shown(60_000)).toBeNull();
  expect(acks.shown(10_000)).toBe(71_000);
  expect(acks.shown(1)).toBeNull();
});

test("a file's language goes by the last ending, whatever its case", () => {
  expect(endingOf("a/b.test.TSX")).toBe("ts");
  expect(endingOf("Makefile")).toBe("");
  expect(endingOf(".gitignore")).toBe("gitignore");
});
