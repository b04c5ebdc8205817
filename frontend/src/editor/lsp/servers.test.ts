import { expect, test, vi } from "vitest";
import type { Bench } from "../../shell/bench";

const sockets: Socket[] = [];
class Socket {
  static OPEN = 1;
  readyState = 1;
  onopen?: () => void;
  onclose?: () => void;
  onmessage?: (event: { data: string }) => void;
  sent: string[] = [];
  dropped = false;
  constructor() {
    sockets.push(this);
  }
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.dropped = true;
  }
}
vi.stubGlobal("window", Object.assign(Object.create(globalThis), { addEventListener: () => undefined }));
vi.stubGlobal("localStorage", { getItem: () => null });
vi.stubGlobal("location", { origin: "http://x" });
vi.stubGlobal("WebSocket", Socket);
const { LanguageClient } = await import("./servers");
const { described, knownOf } = await import("./state");

test("a server that never begins is told of and tried again, is no error of the page, and says nothing about the one that came after it", async () => {
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
  expect(sockets.map((one) => one.dropped)).toEqual([false, true]);
  sockets[1]?.onclose?.();
  await vi.advanceTimersByTimeAsync(2000);
  expect(sockets).toHaveLength(3); // it is tried again
  vi.useRealTimers();
});

test("a signature that a server refuses is told to who asked for it, and to nobody who only types", async () => {
  const bench = { sessionId: "s", ends: new Set() } as unknown as Bench;
  const { client } = new LanguageClient(bench, "python");
  const socket = sockets.at(-1);
  socket?.onopen?.();
  const answer = (parts: object) => {
    const { id } = JSON.parse(socket?.sent.at(-1) ?? "{}");
    socket?.onmessage?.({ data: JSON.stringify({ jsonrpc: "2.0", id, ...parts }) });
  };
  answer({ result: { capabilities: {} } });
  await client.initializing;
  const refusal = { code: -32801, message: "content modified" };
  const ask = async (triggerKind: number) => {
    const asked = client.request("textDocument/signatureHelp", { context: { triggerKind } });
    await Promise.resolve();
    answer({ error: refusal });
    return asked;
  };
  expect(await ask(2)).toBeNull(); // typed
  expect(await ask(3)).toBeNull(); // moved
  await expect(ask(1)).rejects.toEqual(refusal); // by its keys
});

test("a server is described by its name, version and memory, as far as they are known", () => {
  const server = { name: "ty", version: "", state: "starting", reason: "", memory_bytes: null };
  expect(described(server)).toBe("ty: starting");
  expect(described({ ...server, version: "0.1", state: "ready", memory_bytes: 45 << 20 })).toBe("ty 0.1: ready, 45 MB");
});

test("what a change of the files cuts short is asked again, and refused where it is cut short each time", async () => {
  vi.useFakeTimers();
  const bench = { sessionId: "s", ends: new Set() } as unknown as Bench;
  const made = new LanguageClient(bench, "python");
  const socket = sockets.at(-1);
  socket?.onopen?.();
  const refusal = { code: -32801, message: "content modified" };
  const answer = (parts: object) => {
    const { id } = JSON.parse(socket?.sent.at(-1) ?? "{}");
    socket?.onmessage?.({ data: JSON.stringify({ jsonrpc: "2.0", id, ...parts }) });
  };
  answer({ result: { capabilities: {} } });
  await made.client.initializing;
  const names = made.ask("textDocument/documentSymbol", {});
  await vi.advanceTimersByTimeAsync(0);
  answer({ error: refusal });
  await vi.advanceTimersByTimeAsync(100);
  answer({ result: [] });
  expect(await names).toEqual([]);
  const never = made.ask("textDocument/documentSymbol", {});
  never.catch(() => undefined);
  for (let times = 0; times < 3; times += 1) {
    await vi.advanceTimersByTimeAsync(100);
    answer({ error: refusal });
  }
  await expect(never).rejects.toEqual(refusal);
  vi.useRealTimers();
});
