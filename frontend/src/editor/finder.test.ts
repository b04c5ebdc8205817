import { expect, test, vi } from "vitest";
import type { Bench } from "../shell/bench";
import { createStore } from "../shell/store";

const asked: string[] = [];
const files = Array.from({ length: 12 }, (_, n) => `far/away${n}.py`);
/** A server that sends no more than five of what there is. */
vi.mock("../api", () => ({
  ask: async (_: string, { letters }: { letters: string }) => {
    asked.push(letters);
    const fits = files.filter((path) => letters === "" || path.includes(letters));
    const entries = fits.slice(0, 5).map((path) => ({ name: path, path, type: "file" }));
    return { entries, truncated: fits.length > 5 };
  },
}));
const { findFiles } = await import("./finder");

test("of too many files the server is asked for those that fit, once for letters whose answer has all", async () => {
  const bench = { sessionId: "s", tick: createStore(0), layout: createStore({ groups: [] }) } as unknown as Bench;
  const titles = async (query: string) => (await findFiles(bench, query)).map((one) => one.title);
  expect(await titles("")).toHaveLength(5);
  const [cut, found] = await Promise.all([titles("away"), titles("away11")]);
  expect(cut.at(-1)).toContain("type on");
  expect(found).toEqual(["away11.py"]);
  expect(await titles("away11.p")).toEqual(["away11.py"]);
  expect(await titles("away10:7")).toEqual(["away10.py"]);
  expect(asked).toEqual(["", "away", "away11", "away10"]);
});
