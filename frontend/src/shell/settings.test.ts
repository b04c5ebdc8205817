import { expect, test, vi } from "vitest";

const kept = new Map<string, string>();
vi.stubGlobal("window", Object.assign(Object.create(globalThis), { addEventListener: () => undefined }));
vi.stubGlobal("localStorage", {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => kept.set(key, value),
});
const { change, load, setting, settingOf } = await import("./settings");

test("what was set last is what the account has, and no answer from before takes its place", async () => {
  vi.useFakeTimers();
  setting({ key: "a", group: "A", title: "A", kind: "text", fallback: "" });
  const asked: { method: string; body: string; answer: (body: string) => void }[] = [];
  vi.stubGlobal(
    "fetch",
    (_: string, { method, body }: { method: string; body: string }) =>
      new Promise((answer) => asked.push({ method, body, answer: (text) => answer(new Response(text)) })),
  );
  void load();
  change("a", "one");
  await vi.advanceTimersByTimeAsync(500);
  asked[0]?.answer('{"settings": {"a": "of yesterday"}}');
  await vi.advanceTimersByTimeAsync(500);
  expect(settingOf("a")).toBe("one");
  change("a", "two");
  await vi.advanceTimersByTimeAsync(500);
  expect(asked.map((one) => one.method)).toEqual(["GET", "PUT"]); // the second waits, or it might come first
  asked[1]?.answer("{}");
  await vi.advanceTimersByTimeAsync(500);
  expect(JSON.parse(asked[2]?.body ?? "")).toEqual({ settings: { a: "two" } });
  vi.useRealTimers();
});
