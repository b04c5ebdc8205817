// The open text files of a session: what was read, what is typed, what is saved. Several editors may show one; they are in step.
import { Annotation, type ChangeSet, Text, Transaction, type TransactionSpec } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";
import { files, type Refused } from "../api";
import { inTurn, soon } from "../inTurn";
import type { Bench } from "../shell/bench";
import { createStore } from "../shell/store";
import { leaving } from "../stale";
import * as drafts from "./drafts";
import { touches } from "./paths";
import { readText } from "./reading";
import { difference, type Eol, given, taken } from "./text";

/** A change that another editor of the same document, or the file itself, made. */
export const followed = Annotation.define<boolean>();

export type Status = {
  phase: "loading" | "ready" | "binary" | "missing" | "failed";
  reason: string;
  dirty: boolean;
  saving: boolean;
  restored: boolean; // what is shown was typed before the page was loaded
  conflict: { theirs: Text; etag: string } | null; // somebody else saved meanwhile
};
const FRESH: Status = { phase: "loading", reason: "", dirty: false, saving: false, restored: false, conflict: null };
const GONE = "*"; // the ETag of what is not there
const PAUSE = 300; // milliseconds after which what was typed is kept as a draft

export class TextDocument {
  readonly status = createStore<Status>(FRESH);
  readonly views = new Set<EditorView>();
  text = Text.empty;
  eol: Eol = "\n";
  etag = "";
  /** What changes the text before it is saved: formatting. */
  beforeSave: (() => Promise<void>) | null = null;
  afterSave: (() => void) | null = null;
  private saved = Text.empty;
  private timer = 0;
  /** What was to be saved when no answer came. */
  private tried: Text | null = null;
  /** The file changed while it could not be looked at: it is as soon as it can be. */
  private missed = false;

  constructor(
    readonly bench: Bench,
    readonly path: string,
    private brought?: { content: string; etag: string }, // what was typed where the file lay before
  ) {}

  get tabId(): string {
    return `text:${this.path}`;
  }

  /** The view to talk to: the one with the focus, else any. */
  get view(): EditorView | undefined {
    return [...this.views].find((view) => view.hasFocus) ?? [...this.views][0];
  }

  get dirty(): boolean {
    return this.status.get().dirty;
  }

  private put(parts: Partial<Status>): void {
    this.status.set((old) => ({ ...old, ...parts }));
    if (this.missed && !this.held) void this.refresh();
  }

  /** Whether what is shown must not be taken from the file now. */
  private get held(): boolean {
    const { phase, saving, dirty } = this.status.get();
    return phase === "loading" || saving || dirty;
  }

  /** Reads the file, and where the browser kept a draft of it, that. */
  async load(): Promise<void> {
    const brought = this.brought;
    this.brought = undefined;
    const draft = brought ?? (await drafts.of(this.bench.sessionId, this.path).catch(() => undefined));
    try {
      const found = await readText(this.bench.sessionId, this.path);
      if (found === null) return this.put({ phase: "binary" });
      const { text, eol } = found;
      this.eol = eol;
      this.saved = text;
      this.etag = draft?.etag ?? found.etag;
      this.text = draft ? taken(draft.content).text : text;
      if (draft && this.text.eq(text)) {
        this.etag = found.etag;
        void drafts.drop(this.bench.sessionId, this.path);
      }
    } catch (error) {
      const refused = error as Refused;
      if (!draft)
        return this.put({ phase: refused.code === "not_found" ? "missing" : "failed", reason: refused.message });
      ({ text: this.text, eol: this.eol } = taken(draft.content)); // the file is gone; what was typed is not
    }
    const dirty = !this.text.eq(this.saved);
    this.put({ phase: "ready", reason: "", restored: dirty && !brought, dirty });
    this.judge();
  }

  /** A view changed: the others follow, and what was typed is kept. */
  changed(by: EditorView | null, changes: ChangeSet, text: Text): void {
    this.text = text;
    for (const view of this.views)
      if (view !== by) view.dispatch({ changes, annotations: [followed.of(true), Transaction.addToHistory.of(false)] });
    this.judge();
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.tryDraft(), text.length > 1 << 20 ? PAUSE * 5 : PAUSE);
  }

  /** Changes the text, in its view where there is one, so that it can be undone there. */
  apply(spec: TransactionSpec): void {
    const view = this.view;
    if (view) {
      view.dispatch(spec);
      return;
    }
    const changes = spec.changes as ChangeSet;
    this.changed(null, changes, changes.apply(this.text));
  }

  get pending(): boolean {
    return this.timer !== 0;
  }

  /** Keeps what is not saved. Fails where the browser keeps nothing. */
  async keepDraft(): Promise<void> {
    window.clearTimeout(this.timer);
    this.timer = 0;
    const { sessionId } = this.bench;
    if (this.dirty) await drafts.keep(sessionId, this.path, given(this.text, this.eol), this.etag);
    else await drafts.drop(sessionId, this.path);
  }

  private tryDraft(): void {
    this.keepDraft().catch(() => undefined); // a browser that keeps nothing still edits
  }

  private judge(): void {
    const dirty = this.status.get().phase === "ready" && !this.text.eq(this.saved);
    if (dirty !== this.dirty) this.put({ dirty, ...(dirty ? {} : { restored: false, reason: "" }) });
    this.bench.mark(this.tabId, dirty);
  }

  /** Writes the text if the file is still the one that was read; else `status.conflict` has the other. */
  async save(overwrite = false): Promise<boolean> {
    const { phase, conflict, saving } = this.status.get();
    if (phase !== "ready" || saving || (conflict && !overwrite)) return false;
    this.put({ saving: true, reason: "" });
    let text = this.text;
    try {
      await this.arrived();
      await this.beforeSave?.();
      text = this.text;
      const known = overwrite ? (conflict ? { etag: conflict.etag } : {}) : this.etag ? { etag: this.etag } : {};
      const content = given(text, this.eol);
      const parents = this.etag === GONE; // its folder may be gone, too
      const write = { op: "write", path: this.path, content, parents, ...known };
      const written = (await files(this.bench.sessionId, write)) as { etag: string };
      this.etag = written.etag;
      this.saved = text;
      this.put({ conflict: null, restored: false });
      this.judge();
      this.afterSave?.();
      this.tryDraft();
      return true;
    } catch (error) {
      const refused = error as Refused;
      if (refused.code === "etag_mismatch" || refused.code === "not_found") await this.meet();
      else this.put({ reason: refused.message });
      if (refused.status === 0 || refused.status >= 500) this.tried = text;
      return false;
    } finally {
      this.put({ saving: false });
    }
  }

  /** A save that was not answered may have come about all the same: then the file has its text. */
  private async arrived(): Promise<void> {
    const { tried } = this;
    const found = tried && (await readText(this.bench.sessionId, this.path).catch(() => undefined));
    if (!tried || found === undefined) return;
    this.tried = null;
    if (!found?.text.eq(tried)) return;
    this.etag = found.etag;
    this.saved = tried;
    this.put({ reason: "" });
    this.judge();
    this.tryDraft();
  }

  /** Somebody else saved: their text beside this one, until somebody decides. */
  private async meet(): Promise<void> {
    try {
      const found = await readText(this.bench.sessionId, this.path);
      if (found === null)
        return this.put({
          reason: "Somebody else made this file one that is not text. Yours is kept here; move theirs first.",
        });
      const theirs = found.text;
      if (theirs.eq(this.text)) {
        this.etag = found.etag;
        this.saved = theirs;
        this.put({ conflict: null });
        return this.judge();
      }
      this.put({ conflict: { theirs, etag: found.etag } });
    } catch (error) {
      const { code, message } = error as Refused;
      if (code === "not_found") this.etag = GONE;
      this.put({ reason: code === "not_found" ? "The file is gone. Save once more to write it anew." : message });
    }
  }

  takeTheirs(): void {
    const { conflict } = this.status.get();
    if (!conflict) return;
    this.etag = conflict.etag;
    this.follow(conflict.theirs);
    this.put({ conflict: null });
  }

  /** The file has that text now: what is shown becomes it, with cursor and folds where they were. */
  private follow(text: Text): void {
    this.saved = text;
    const change = difference(this.text, text);
    if (change) {
      this.text = text;
      for (const view of this.views)
        view.dispatch({ changes: change, annotations: [followed.of(true)], userEvent: "reload" });
    }
    this.judge();
  }

  /** Nobody shows it, nor is about to, and nothing of it would be lost. */
  get idle(): boolean {
    const { groups } = this.bench.layout.get();
    const shown = groups.some((group) => group.tabs.some((tab) => tab.id === this.tabId));
    return !shown && this.views.size === 0 && !this.dirty && this.status.get().phase === "ready";
  }

  /** The file is gone; what was typed and not saved stays. */
  vanish(): void {
    if (this.held) this.missed = true;
    else this.put({ phase: "missing" });
  }

  /** Looks whether the file changed; what was typed stays, and meets the other text when it is saved. */
  readonly refresh = inTurn(async () => {
    if (!this.status.get().saving) await this.arrived();
    this.missed = this.held;
    if (this.missed) return;
    const { phase } = this.status.get();
    try {
      const stat = (await files(this.bench.sessionId, { op: "stat", path: this.path })) as { etag: string | null };
      if (stat.etag === this.etag && phase === "ready") return;
      if (phase !== "ready") return await this.load();
      const found = await readText(this.bench.sessionId, this.path);
      this.missed = this.held;
      if (this.missed) return;
      if (found === null) return this.put({ phase: "binary" });
      const { text, eol } = found;
      this.eol = eol;
      this.etag = found.etag;
      this.follow(text);
    } catch (error) {
      if ((error as Refused).code === "not_found") this.vanish();
    }
  });

  /** Back to what the file has. */
  async revert(): Promise<void> {
    this.put({ conflict: null, restored: false });
    this.follow(this.saved);
    await this.discard();
    this.etag = "";
    await this.refresh();
  }

  async discard(): Promise<void> {
    window.clearTimeout(this.timer);
    this.timer = 0;
    await drafts.drop(this.bench.sessionId, this.path).catch(() => undefined);
  }
}

/** The documents of one session. One is open as long as an editor shows it or it has changes. */
export class Documents {
  private readonly open = new Map<string, TextDocument>();

  constructor(readonly bench: Bench) {
    bench.mayClose = (tab) => this.mayClose(tab.path ?? "");
    bench.moved = (from, to) => this.moved(from, to);
    bench.ends.add(bench.touched.subscribe(() => this.hear(bench.touched.get())));
    bench.ends.add(this.look.end);
    const guard = (event: BeforeUnloadEvent) => {
      if ([...this.open.values()].some((document) => document.dirty && document.pending)) event.preventDefault();
    };
    window.addEventListener("beforeunload", guard);
    bench.ends.add(() => window.removeEventListener("beforeunload", guard));
    const keep = () => Promise.all(this.all.filter((one) => one.dirty).map((one) => one.keepDraft()));
    leaving.add(keep);
    bench.ends.add(() => leaving.delete(keep));
  }

  get(path: string): TextDocument | undefined {
    return this.open.get(path);
  }

  get all(): TextDocument[] {
    return [...this.open.values()];
  }

  take(path: string): TextDocument {
    const known = this.open.get(path);
    if (known) return known;
    const made = new TextDocument(this.bench, path);
    this.open.set(path, made);
    void made.load();
    return made;
  }

  /** A view went: without another, and without changes, so does the document. */
  leave(document: TextDocument): void {
    if (document.idle && this.open.get(document.path) === document) this.open.delete(document.path);
  }

  private paths: Set<string> | null = new Set();
  private readonly gone = new Set<string>();
  private hear({ paths, gone }: { paths: string[] | null; gone: string[] }): void {
    this.paths = paths === null || this.paths === null ? null : new Set([...this.paths, ...paths]);
    for (const path of paths ?? []) this.gone.delete(path);
    for (const path of gone) this.gone.add(path);
    this.look();
  }

  private readonly look = soon(100, async () => {
    const touched = this.paths;
    const gone = new Set(this.gone);
    this.paths = new Set();
    this.gone.clear();
    const looks = this.all.map((document) => {
      if (document.idle) this.open.delete(document.path);
      else if (touches(gone, document.path)) document.vanish();
      else if (touches(touched, document.path)) return document.refresh();
      return undefined;
    });
    await Promise.all(looks);
  });

  private async mayClose(path: string): Promise<boolean> {
    const document = this.open.get(path);
    if (!document?.dirty) return true;
    const wanted = await this.bench.questions.choose(
      `Save ${path.split("/").pop()}?`,
      "It has changes that are not in the file yet.",
      [
        { label: "Save", value: "save", kind: "main" },
        { label: "Don’t save", value: "discard", kind: "danger" },
      ],
    );
    if (wanted === "save") return document.save();
    if (wanted !== "discard") return false;
    await document.discard();
    this.open.delete(path);
    return true;
  }

  /** What was typed and not saved goes where its file went, and with a file that went nowhere. */
  private async moved(from: string, to: string | null): Promise<void> {
    const inside = this.all.filter((document) => touches([from], document.path));
    for (const document of inside) {
      const { path, dirty, etag } = document;
      this.open.delete(path);
      this.bench.mark(document.tabId, false);
      if (dirty && to !== null) {
        const brought = { content: given(document.text, document.eol), etag };
        const made = new TextDocument(this.bench, to + path.slice(from.length), brought);
        this.open.set(made.path, made);
        await drafts.keep(this.bench.sessionId, made.path, brought.content, etag).catch(() => undefined);
        void made.load();
      }
      await document.discard();
    }
  }

  /** Brings drafts back; one whose tab is not there any more gets a new one. */
  restore(paths: string[]): void {
    const shown = new Set(this.bench.layout.get().groups.flatMap((group) => group.tabs.map((tab) => tab.id)));
    for (const path of paths) {
      const document = this.take(path);
      if (!shown.has(document.tabId)) this.bench.openText(path);
    }
  }
}

const known = new WeakMap<Bench, Documents>();
export function documentsOf(bench: Bench): Documents {
  let found = known.get(bench);
  if (!found) {
    found = new Documents(bench);
    known.set(bench, found);
  }
  return found;
}
