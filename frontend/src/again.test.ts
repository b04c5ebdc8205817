import { expect, test, vi } from "vitest";
import { again, hurry } from "./again";

test("what waits to try again does so once, after its pause or when it is hurried, and not after it was given up", () => {
  vi.stubGlobal("window", globalThis);
  vi.useFakeTimers();
  const tried: string[] = [];
  again(10_000, () => tried.push("slow"));
  again(100, () => tried.push("quick"));
  again(100, () => tried.push("never"))();
  vi.advanceTimersByTime(200);
  expect(tried).toEqual(["quick"]);
  hurry();
  expect(tried).toEqual(["quick", "slow"]);
  vi.advanceTimersByTime(20_000);
  hurry();
  expect(tried).toHaveLength(2);
  vi.useRealTimers();
});
