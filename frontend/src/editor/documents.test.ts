import { ChangeSet } from "@codemirror/state";
import { expect, test, vi } from "vitest";
import type { Bench } from "../shell/bench";
import { createStore } from "../shell/store";

vi.stubGlobal("window", Object.assign(Object.create(globalThis), { addEventListener: () => undefined }));
const { documentsOf, TextDocument } = await import("./documents");

const bench = { sessionId: "s", mark: () => undefined } as unknown as Bench;
const answer = (body: unknown) => new Response(JSON.stringify(body));

/** A file behind the API; `hold` keeps what is asked of that kind from being answered, until `go`. */
function served(content: string) {
  const file = { content, etag: "1" };
  const held: (() => void)[] = [];
  const server = { file, hold: "", write: (text: string) => Object.assign(file, { content: text, etag: `${text}!` }) };
  vi.stubGlobal("fetch", async (_: string, { body }: { body: string }) => {
    const op = JSON.parse(body) as { op: string; content: string };
    if (op.op === "write") server.write(op.content);
    const found = answer({ ...file, encoding: "utf-8", truncated: false }); // as it is when the question arrives
    if (server.hold === op.op) await new Promise<void>((go) => held.push(go));
    return found;
  });
  const arrived = () => vi.waitFor(() => expect(held).toHaveLength(1));
  const go = () => {
    server.hold = "";
    held.shift()?.();
  };
  return { server, arrived, go };
}

const type = (document: InstanceType<typeof TextDocument>, insert: string) => {
  const changes = ChangeSet.of({ from: 0, insert }, document.text.length);
  document.changed(null, changes, changes.apply(document.text));
};
const shows = (document: InstanceType<typeof TextDocument>, text: string) =>
  vi.waitFor(() => expect(document.text.toString()).toBe(text));

test("a change told while the file is read for the first time is looked at when that is over", async () => {
  const { server, arrived, go } = served("old");
  server.hold = "read";
  const document = new TextDocument(bench, "a");
  const loaded = document.load();
  await arrived();
  server.write("new");
  void document.refresh();
  go();
  await loaded;
  await shows(document, "new");
});

test("a change told while one types is looked at once nothing is typed any more, and one told while it is saved after that", async () => {
  const { server, arrived, go } = served("old");
  const document = new TextDocument(bench, "a");
  await document.load();
  type(document, "x");
  server.write("theirs");
  await document.refresh();
  expect(document.text.toString()).toBe("xold");
  const back = ChangeSet.of({ from: 0, to: 1 }, document.text.length);
  document.changed(null, back, back.apply(document.text));
  await shows(document, "theirs");

  type(document, "my");
  server.hold = "write";
  const saved = document.save();
  await arrived();
  server.write("later");
  void document.refresh();
  go();
  expect(await saved).toBe(true);
  await shows(document, "later");
});

test("a save whose answer did not come is found out about: what it said is gone, and nobody else is taken for its author", async () => {
  const { server } = served("old");
  const document = new TextDocument(bench, "a");
  await document.load();
  const asked = globalThis.fetch;
  const lose = (arrives: boolean) =>
    vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
      if (arrives) await asked(url, init);
      throw new TypeError("Failed to fetch");
    });
  const status = () => document.status.get();
  type(document, "1");
  lose(true);
  expect(await document.save()).toBe(false);
  expect(status().reason).not.toBe("");
  vi.stubGlobal("fetch", asked);
  await document.refresh();
  expect(status()).toMatchObject({ reason: "", dirty: false });

  type(document, "2");
  lose(true);
  await document.save();
  type(document, "3");
  vi.stubGlobal("fetch", asked);
  expect(await document.save()).toBe(true);
  expect(status()).toMatchObject({ reason: "", dirty: false, conflict: null });
  expect(server.file.content).toBe("321old");

  type(document, "4");
  lose(false);
  await document.save();
  vi.stubGlobal("fetch", asked);
  await document.refresh();
  expect(status()).toMatchObject({ dirty: true });
  expect(status().reason).not.toBe("");
  const back = ChangeSet.of({ from: 0, to: 1 }, document.text.length);
  document.changed(null, back, back.apply(document.text)); // as undo does: the file has what is shown
  expect(status()).toMatchObject({ reason: "", dirty: false });
});

test("a document whose tab is about to show it is not let go when files change; one without a tab is", async () => {
  served("text");
  const layout = createStore({ groups: [{ tabs: [{ id: "text:a" }] }] });
  const touched = createStore<{ paths: string[]; gone: string[] }>({ paths: [], gone: [] });
  const documents = documentsOf({ ...bench, layout, touched, ends: new Set() } as unknown as Bench);
  const document = documents.take("a");
  await shows(document, "text");
  vi.useFakeTimers();
  touched.set({ paths: ["b"], gone: [] });
  await vi.advanceTimersByTimeAsync(200);
  expect(documents.get("a")).toBe(document);
  layout.set({ groups: [] });
  touched.set({ paths: ["b"], gone: [] });
  await vi.advanceTimersByTimeAsync(200);
  expect(documents.get("a")).toBeUndefined();
  vi.useRealTimers();
});
