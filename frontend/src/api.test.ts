import { afterEach, expect, test, vi } from "vitest";
import { ask, files, get, post } from "./api";

afterEach(() => void vi.unstubAllGlobals());

test("what only asks is asked again where it did not arrive, and what changes something is not", async () => {
  vi.stubGlobal("window", globalThis);
  let sent = 0;
  vi.stubGlobal("fetch", async () => {
    sent += 1;
    if (sent === 1) throw new TypeError("Failed to fetch");
    return new Response('{"is": "there"}');
  });
  for (const asking of [() => get("/x"), () => ask("/x"), () => files("s", { op: "stat", path: "a" })]) {
    sent = 0;
    expect(await asking()).toEqual({ is: "there" });
  }
  for (const changing of [() => post("/x"), () => files("s", { op: "write", path: "a" })]) {
    sent = 0;
    await expect(changing()).rejects.toMatchObject({ status: 0 });
    expect(sent).toBe(1);
  }
});
