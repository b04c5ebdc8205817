import { expect, test, vi } from "vitest";
import { soon } from "./inTurn";

test("calls that do not end put nothing off for ever, and one is never under way twice", async () => {
  vi.stubGlobal("window", globalThis);
  vi.useFakeTimers();
  let running = 0;
  let done = 0;
  const ask = soon(200, async () => {
    running += 1;
    expect(running).toBe(1);
    await new Promise((go) => setTimeout(go, 1000));
    running -= 1;
    done += 1;
  });
  const swarm = setInterval(ask, 30);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(done).toBe(5); // each takes a second, and rests as long
  clearInterval(swarm);
  await vi.advanceTimersByTimeAsync(5000);
  expect(done).toBe(6); // once more for what came last
  ask();
  await vi.advanceTimersByTimeAsync(1300);
  expect(done).toBe(7); // no rest is left over
  ask();
  ask.end();
  await vi.advanceTimersByTimeAsync(5000);
  expect(done).toBe(7);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});
