import { expect, test, vi } from "vitest";
import { inTurn, oneByOne, soon } from "./inTurn";

test("what comes last was asked for after the last reason to ask, and never two at once", async () => {
  const answers: ((n: number) => void)[] = [];
  const look = inTurn(() => new Promise<number>((answer) => answers.push(answer)));
  const first = look();
  const second = look();
  expect(look()).toBe(second); // one more for all who ask meanwhile
  expect(answers).toHaveLength(1);
  answers[0]?.(1);
  expect(await first).toBe(1);
  await vi.waitFor(() => expect(answers).toHaveLength(2));
  const third = look(); // asked while the second is under way: it may be too old already
  answers[1]?.(2);
  expect(await second).toBe(2);
  await vi.waitFor(() => expect(answers).toHaveLength(3));
  answers[2]?.(3);
  expect(await third).toBe(3);
});

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

test("one thing begins when the one before is over, also where that failed", async () => {
  const turn = oneByOne();
  const seen: string[] = [];
  const first = turn(async () => {
    seen.push("first begins");
    await Promise.resolve();
    seen.push("first ends");
    throw new Error("refused");
  });
  const second = turn(async () => {
    seen.push("second");
    return 2;
  });
  await expect(first).rejects.toThrow("refused");
  expect(await second).toBe(2);
  expect(seen).toEqual(["first begins", "first ends", "second"]);
});
