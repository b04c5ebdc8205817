import { expect, test, vi } from "vitest";
import type { Bench } from "../../shell/bench";

const sockets: { onopen?: () => void; onclose?: () => void; sent: string[] }[] = [];
class Socket {
  static OPEN = 1;
  readyState = 1;
  sent: string[] = [];
  constructor() {
    sockets.push(this);
  }
  send(text: string): void {
    this.sent.push(text);
  }
}
vi.stubGlobal("window", Object.assign(Object.create(globalThis), { addEventListener: () => undefined }));
vi.stubGlobal("localStorage", { getItem: () => null });
vi.stubGlobal("location", { origin: "http://x" });
vi.stubGlobal("WebSocket", Socket);
const { LanguageClient } = await import("./servers");
const { knownOf } = await import("./state");

test("a server that never begins is told of, is no error of the page, and says nothing about the one that came after it", async () => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", async () => new Response('{"items": []}'));
  const bench = { sessionId: "s", ends: new Set() } as unknown as Bench;
  const { client } = new LanguageClient(bench, "python");
  const health = () => knownOf(bench).health.get().python;
  sockets[0]?.onopen?.();
  client.notification("textDocument/didOpen", {}); // vitest fails where its failure is handled by nobody
  await vi.advanceTimersByTimeAsync(10_000);
  sockets[0]?.onclose?.();
  await vi.advanceTimersByTimeAsync(2000);
  sockets[1]?.onopen?.();
  await vi.advanceTimersByTimeAsync(19_000); // the first one's patience is over, the second's is not
  expect(health()).toMatchObject({ link: "away", reason: "The language server cannot be reached." });
  await vi.advanceTimersByTimeAsync(15_000);
  expect(health()).toMatchObject({ link: "away", reason: "It did not start: Request timed out." });
  vi.useRealTimers();
});
