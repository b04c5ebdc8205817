// What of a session's repositories is not committed, kept for all views at once, and what may be done with it.
import { get, post, type Refused, vcs } from "../api";
import { inTurn, soon } from "../inTurn";
import type { Bench } from "../shell/bench";
import type { Note } from "../shell/Questions";
import { createStore } from "../shell/store";
import { type Choice, EVERYTHING, keep, type Selection, selection } from "./choice";
import { openCompare } from "./open";
import type { Changed, Repository } from "./types";

export type State = {
  repositories: Repository[] | null; // null until they are known
  files: Record<string, Changed[]>; // by repository, the first of them
  totals: Record<string, number>; // how many there are
  failure: string;
};
/** What was done, and what undoes it: a snapshot of the files and, where the branch moved, the commit that it was at. */
type Done = { text: string; undo?: Undo | null };
type Undo = { snapshot: string; repository: string; head: string | null };
type Undoable = { snapshot_id: string; previous_head?: string | null };
/** A dialog over the page. */
export type Ask =
  | { about: "remote"; verb: "push" | "pull"; repository: string }
  | { about: "rollback"; commit: string; subject: string; repository: string }
  | { about: "snapshot" }
  | { about: "merge"; repository: string };

const PAUSE = 200; // ms
const STAYS = 20_000; // ms; what can be undone can be for longer, by its snapshot
const MOST_NAMED = 8;
const MOST = 5000; // changed files that are listed
const NONE: Changed[] = [];

/** What the history has. */
export const PARTS = [
  ["commits", "Commits"],
  ["snapshots", "Snapshots"],
  ["branches", "Branches"],
] as const;
export type Part = (typeof PARTS)[number][0];
const KEPT = "source.history";

export class Source {
  readonly state = createStore<State>({ repositories: null, files: {}, totals: {}, failure: "" });
  readonly choices = createStore<Record<string, Choice>>({});
  readonly messages = createStore<Record<string, string>>({});
  readonly busy = createStore("");
  readonly asking = createStore<Ask | null>(null);
  readonly part = createStore<Part>(PARTS.find(([one]) => one === localStorage.getItem(KEPT))?.[0] ?? "commits");
  private told = 0; // the note about what was done last

  constructor(readonly bench: Bench) {}

  get base(): string {
    return vcs(this.bench.sessionId);
  }

  show(part: Part): void {
    this.part.set(part);
    localStorage.setItem(KEPT, part);
  }

  changed(repository: string): Changed[] {
    return this.state.get().files[repository] ?? NONE;
  }

  total(repository: string): number {
    return this.state.get().totals[repository] ?? 0;
  }

  choice(repository: string): Choice {
    return this.choices.get()[repository] ?? EVERYTHING;
  }

  choose(repository: string, how: (choice: Choice) => Choice): void {
    this.choices.set((old) => ({ ...old, [repository]: how(old[repository] ?? EVERYTHING) }));
  }

  /** Looks again, soon: many things happen at once when a program writes. */
  readonly refresh = soon(PAUSE, () => this.look());

  private readonly look = inTurn(async () => {
    try {
      const { items } = await get<{ items: Repository[] }>(`${this.base}/repositories`);
      const files: Record<string, Changed[]> = {};
      const totals: Record<string, number> = {};
      for (const { name, dirty } of items) {
        const words = new URLSearchParams({ repository: name, limit: `${MOST}` });
        const found = dirty
          ? await get<{ files: Changed[]; total: number }>(`${this.base}/status?${words}`)
          : { files: NONE, total: 0 };
        files[name] = found.files;
        totals[name] = found.total;
      }
      this.state.set({ repositories: items, files, totals, failure: "" });
      for (const { name } of items)
        if (files[name]?.length === totals[name]) this.choose(name, (choice) => keep(choice, files[name] ?? NONE));
    } catch (error) {
      this.state.set((old) => ({ ...old, failure: (error as Refused).message }));
    }
  });

  /** Does it, says how it went, and looks again. `what` is shown meanwhile. Null when it was refused. */
  async attempt<T>(
    what: string,
    repository: string,
    work: () => Promise<T>,
    said: (done: T) => Done | null,
  ): Promise<T | null> {
    this.busy.set(what);
    try {
      const done = await work();
      this.say(said(done));
      return done;
    } catch (error) {
      this.refuse(error as Refused, what, repository);
      return null;
    } finally {
      this.busy.set("");
      this.bench.changed();
      void this.look();
    }
  }

  /** One note at a time: the way back from what was done last. */
  private say(done: Done | null): void {
    const { text, undo } = done ?? { text: "" };
    this.tell(text, "info", undo ? [{ label: "Undo", run: () => void this.takeBack(undo) }] : []);
    const told = this.told;
    window.setTimeout(() => this.bench.questions.drop(told), STAYS);
  }

  private tell(text: string, kind: Note["kind"], actions: Note["actions"] = []): void {
    const { questions } = this.bench;
    questions.drop(this.told);
    if (text) questions.tell(text, kind, actions);
    this.told = questions.notes.get().at(-1)?.id ?? 0;
  }

  private refuse(error: Refused, what: string, repository: string): void {
    const { files, theirs } = error.details;
    const verb = what === "Pushing" ? "push" : what === "Pulling" ? "pull" : null;
    if (Array.isArray(files) && typeof theirs === "string")
      this.tell(
        `Both sides changed the same lines of ${named(files)}; nothing was touched.`,
        "error",
        this.waysOut(repository, files.map(String), theirs),
      );
    else if (verb && (error.code === "no_remote" || error.code.startsWith("remote_")))
      this.tell(error.message, "error", [
        { label: "Give address or token…", run: () => this.asking.set({ about: "remote", verb, repository }) },
      ]);
    else this.tell(Array.isArray(files) ? `${error.message} ${named(files)}` : error.message, "error");
  }

  private waysOut(repository: string, paths: string[], theirs: string) {
    const both = { repository, from: "HEAD", to: theirs, fromName: "mine", toName: "theirs", paths };
    return [
      { label: "Compare", run: () => openCompare(this.bench, both) },
      {
        label: "Settle it in a terminal",
        run: () => this.bench.run("terminal.type", `git merge ${theirs.slice(0, 12)}`),
      },
    ];
  }

  async commit(repository: string): Promise<void> {
    const message = this.messages.get()[repository] ?? "";
    const wanted = selection(this.choice(repository), this.changed(repository));
    const made = await this.attempt(
      "Committing",
      repository,
      () => post<{ id: string }>(`${this.base}/commit`, { message, repository, ...wanted }),
      ({ id }) => ({ text: `Committed ${id.slice(0, 8)}.` }),
    );
    if (!made) return;
    this.messages.set((old) => ({ ...old, [repository]: "" }));
    this.choose(repository, () => EVERYTHING);
  }

  async propose(repository: string): Promise<void> {
    const wanted = selection(this.choice(repository), this.changed(repository));
    const found = await this.attempt(
      "Proposing",
      repository,
      () => post<{ message: string }>(`${this.base}/commit/generate-message`, { repository, ...wanted }),
      () => null,
    );
    if (found) this.messages.set((old) => ({ ...old, [repository]: found.message }));
  }

  discard(repository: string, wanted: Selection, what: string): Promise<unknown> {
    return this.attempt(
      "Discarding",
      repository,
      () => post<{ snapshot_id: string }>(`${this.base}/discard`, { repository, ...wanted }),
      (done) => ({ text: `Discarded ${what}.`, undo: undoOf(repository, done) }),
    );
  }

  restore(snapshot: string, said: string): Promise<unknown> {
    return this.attempt(
      "Restoring",
      "root",
      () => post<{ snapshot_id: string }>(`${this.base}/snapshots/${snapshot}/restore`),
      (done) => ({ text: said, undo: undoOf("root", done) }),
    );
  }

  /** The branch goes back first, and takes the snapshot that brings all of this back. */
  private takeBack({ snapshot, repository, head }: Undo): Promise<unknown> {
    return this.attempt(
      "Restoring",
      repository,
      async () => {
        const moved = head
          ? await post<Undoable>(`${this.base}/rollback`, { commit_id: head, mode: "head", repository })
          : null;
        const done = await post<Undoable>(`${this.base}/snapshots/${snapshot}/restore`);
        return moved ?? done;
      },
      (done) => ({ text: "As it was before.", undo: undoOf(repository, done) }),
    );
  }

  rollBack(repository: string, commit: string, mode: "content" | "head"): Promise<unknown> {
    return this.attempt(
      "Rolling back",
      repository,
      () => post<Undoable>(`${this.base}/rollback`, { commit_id: commit, mode, repository }),
      (done) => ({ text: `Rolled back to ${commit.slice(0, 8)}.`, undo: undoOf(repository, done) }),
    );
  }

  merge(repository: string, session: string, name: string): Promise<unknown> {
    return this.attempt(
      "Merging",
      repository,
      () => post<Merged>(`${this.base}/merge`, { from_session: session, repository }),
      (merged) => ({ text: mergedWords(merged, name), undo: undoOf(repository, merged) }),
    );
  }

  pull(repository: string, remote: Remote = {}): Promise<unknown> {
    return this.attempt(
      "Pulling",
      repository,
      () => post<Merged>(`${this.base}/pull`, { repository, ...remote }),
      (merged) => ({ text: mergedWords(merged, "the remote"), undo: undoOf(repository, merged) }),
    );
  }

  push(repository: string, remote: Remote = {}): Promise<unknown> {
    return this.attempt(
      "Pushing",
      repository,
      () => post<{ branch: string; head: string }>(`${this.base}/push`, { repository, ...remote }),
      ({ branch, head }) => ({ text: `Pushed ${head.slice(0, 8)} to ${branch}.` }),
    );
  }
}

export type Remote = { url?: string; token?: string };
type Merged = { id: string; fast_forward: boolean; snapshot_id: string | null; previous_head: string | null };

function undoOf(repository: string, done: Undoable | Merged): Undo | null {
  return done.snapshot_id ? { snapshot: done.snapshot_id, repository, head: done.previous_head ?? null } : null;
}

function mergedWords(merged: Merged, from: string): string {
  if (!merged.snapshot_id) return `Nothing new: all of ${from} is here already.`;
  return merged.fast_forward ? `Moved forward to what ${from} has.` : `Merged ${from} in ${merged.id.slice(0, 8)}.`;
}

const named = (files: unknown[]) =>
  files.slice(0, MOST_NAMED).join(", ") + (files.length > MOST_NAMED ? ` and ${files.length - MOST_NAMED} more` : "");

const sources = new WeakMap<Bench, Source>();

export function sourceOf(bench: Bench): Source {
  let found = sources.get(bench);
  if (!found) {
    found = new Source(bench);
    sources.set(bench, found);
  }
  return found;
}

/** Discards what would go into a commit now. */
export function discardChosen(bench: Bench, repository: string): void {
  const source = sourceOf(bench);
  const wanted = selection(source.choice(repository), source.changed(repository));
  void source.discard(repository, wanted, wanted.paths ? "what was chosen" : "all changes");
}
