import { expect, test } from "vitest";
import { pieces, plain } from "./ansi";
import { exactly } from "./exact";
import { brief, whole } from "./Grid";
import { record, type Use } from "./metrics";
import type { Operation, Sample } from "./types";
import { bytes, look, percent, sentence, since, waiting } from "./words";

const ESC = "\x1b";

test("a line's colours become classes, and nothing of it is markup", () => {
  expect(pieces(`${ESC}[1;31mERROR${ESC}[0m <b>x</b>`)).toEqual([
    { text: "ERROR", classes: "a-bold a-1", colour: undefined, ground: undefined },
    { text: " <b>x</b>", classes: "", colour: undefined, ground: undefined },
  ]);
  expect(pieces(`${ESC}[38;5;196mred`)[0]?.colour).toBe("#ff0000");
  expect(pieces(`${ESC}[48;2;1;2;300mx`)[0]?.ground).toBe("#0102ff");
  expect(pieces(`${ESC}[92mok`)[0]?.classes).toBe("a-10");
});

test("what is no colour is left out: titles, cursor moves, links, control characters, halves of sequences", () => {
  expect(
    plain(`${ESC}]0;title\x07a${ESC}[2Kb${ESC}[10;3Hc${ESC}]8;;http://x${ESC}\\d\x00\x08${ESC}(B${ESC}[?25l`),
  ).toBe("abcd");
  expect(plain(`cut ${ESC}]0;title that never ends`)).toBe("cut ");
  expect(plain(" 10 %\r 90 %\r100 %\r")).toBe("100 %");
});

test("a minute of samples is kept, each once", () => {
  const use: Use = new Map();
  const at = (second: number): Sample => ({
    service_id: "a",
    at: new Date(second * 1000).toISOString(),
    cpu: second,
    memory_bytes: 0,
    memory_limit_bytes: null,
  });
  for (let second = 0; second < 100; second++) record(use, at(second));
  record(use, at(99));
  expect(use.get("a")?.length).toBe(60);
  expect(use.get("a")?.at(-1)?.cpu).toBe(99);
});

test("numbers are said as people say them", () => {
  expect([0, 1023, 1024, 1.5 * 1024 ** 3, 900 * 1024 ** 2].map(bytes)).toEqual([
    "0 B",
    "1023 B",
    "1 KB",
    "1.5 GB",
    "900 MB",
  ]);
  expect([0, 0.004, 0.125, 2].map(percent)).toEqual(["0 %", "0.4 %", "13 %", "200 %"]);
  const now = Date.parse("2026-01-02T10:00:00Z");
  expect(since("2026-01-02T09:59:30Z", now)).toBe("30 s");
  expect(since("2026-01-02T07:55:00Z", now)).toBe("2 h 5 min");
  expect(since("2026-01-01T10:00:00Z", now)).toBe("1 d");
});

test("a place in the queue is told with what is left", () => {
  const at = (position: number | null, estimate_seconds: number | null) =>
    waiting({ position, estimate_seconds } as Operation);
  expect(at(1, null)).toBe("Next in the queue");
  expect(at(3, 11.2)).toBe("3rd in the queue, about 12 s");
  expect(at(12, 300)).toBe("12th in the queue, about 5 min");
});

test("what an engine says ends as a sentence does", () => {
  expect(sentence("lookup registry: no such host")).toBe("lookup registry: no such host.");
  expect(sentence("It is spelt wrong?")).toBe("It is spelt wrong?");
  expect(sentence("")).toBe("");
});

test("an exited service looks failed only where its exit code says so", () => {
  expect(look({ state: "exited", exit_code: 0, health: null })[2]).toBe("soft");
  expect(look({ state: "exited", exit_code: 137, health: null })).toEqual(["exited with 137", "triangle", "bad"]);
  expect(look({ state: "running", exit_code: null, health: { status: "healthy", log: "" } })[0]).toBe("healthy");
});

test("cells are shown as they are: null, bytes, what was cut, JSON", () => {
  expect(whole(null)).toBe("NULL");
  expect(whole({ base64: "AP8=" })).toBe("\\x00ff");
  expect(whole({ truncated: true, bytes: 70000, text: "abc" })).toBe("abc… (70000 bytes)");
  expect(whole({ truncated: true, bytes: null, text: "abc" })).toBe("abc… (only the beginning is here)");
  expect(whole({ a: [1] })).toBe('{\n  "a": [\n    1\n  ]\n}');
  // what a column of JSON holds is no mark of ours
  expect(whole({ truncated: true })).toBe('{\n  "truncated": true\n}');
  expect(whole({ base64: "%" }, "jsonb")).toBe('{\n  "base64": "%"\n}');
  expect(whole({ base64: "%", bytes: 1, truncated: true }, "jsonb")).toContain('"base64": "%"');
});

test("numbers are shown as they were sent, however long", () => {
  const [id, price, small] = exactly('[[12345678901234567890], {"price": 1.10000000000000000001}, 1.5]') as unknown[];
  expect(brief(id)).toBe("[ 12345678901234567890 ]");
  expect(brief(price)).toBe('{ "price": 1.10000000000000000001 }');
  expect(small).toBe(1.5);
});
