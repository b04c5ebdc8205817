// What of a session's repositories is not committed, kept for all views at once, and what may be done with it.
import { get, post, type Refused, vcs } from "../api";
import type { Bench } from "../shell/bench";
import { createStore } from "../shell/store";
import { type Choice, EVERYTHING, keep, type Selection, selection } from "./choice";
import type { Changed, Repository } from "./types";

export type State = {
  repositories: Repository[] | null; // null until they are known
  files: Record<string, Changed[]>; // by repository
  failure: string;
};
/** Something that was done, how to undo it, and what the server had to say against it. */
export type News = { text: string; kind: "info" | "error"; undo?: string; conflicts?: Conflicts; remote?: Ask };
/** A dialog over the page. */
export type Ask =
  | { about: "remote"; verb: "push" | "pull"; repository: string }
  | { about: "rollback"; commit: string; subject: string; repository: string }
  | { about: "snapshot" }
  | { about: "merge"; repository: string };
export type Conflicts = { files: string[]; theirs?: string; repository: string };

const PAUSE = 200;
const NONE: Changed[] = [];

export class Source {
  readonly state = createStore<State>({ repositories: null, files: {}, failure: "" });
  readonly choices = createStore<Record<string, Choice>>({});
  readonly messages = createStore<Record<string, string>>({});
  readonly news = createStore<News | null>(null);
  readonly busy = createStore("");
  readonly asking = createStore<Ask | null>(null);
  private timer = 0;
  private running = false;
  private again = false;

  constructor(readonly bench: Bench) {}

  get base(): string {
    return vcs(this.bench.sessionId);
  }

  changed(repository: string): Changed[] {
    return this.state.get().files[repository] ?? NONE;
  }

  choice(repository: string): Choice {
    return this.choices.get()[repository] ?? EVERYTHING;
  }

  choose(repository: string, how: (choice: Choice) => Choice): void {
    this.choices.set((old) => ({ ...old, [repository]: how(old[repository] ?? EVERYTHING) }));
  }

  /** Looks again, soon: many things happen at once when a program writes. */
  refresh(): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.look(), PAUSE);
  }

  private async look(): Promise<void> {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    try {
      const { items } = await get<{ items: Repository[] }>(`${this.base}/repositories`);
      const files: Record<string, Changed[]> = {};
      for (const { name, dirty } of items)
        files[name] = dirty
          ? (await get<{ files: Changed[] }>(`${this.base}/status?repository=${encodeURIComponent(name)}`)).files
          : NONE;
      this.state.set({ repositories: items, files, failure: "" });
      for (const { name } of items) this.choose(name, (choice) => keep(choice, files[name] ?? NONE));
    } catch (error) {
      this.state.set((old) => ({ ...old, failure: (error as Refused).message }));
    }
    this.running = false;
    if (this.again) {
      this.again = false;
      this.refresh();
    }
  }

  /** Does it, says how it went, and looks again. `what` is shown meanwhile. Null when it was refused. */
  async attempt<T>(
    what: string,
    repository: string,
    work: () => Promise<T>,
    said: (done: T) => News | null,
  ): Promise<T | null> {
    this.busy.set(what);
    try {
      const done = await work();
      this.news.set(said(done));
      return done;
    } catch (error) {
      this.news.set(refusal(error as Refused, what, repository));
      return null;
    } finally {
      this.busy.set("");
      this.bench.changed();
      this.refresh();
    }
  }

  async commit(repository: string): Promise<void> {
    const message = this.messages.get()[repository] ?? "";
    const wanted = selection(this.choice(repository), this.changed(repository));
    const made = await this.attempt(
      "Committing",
      repository,
      () => post<{ id: string }>(`${this.base}/commit`, { message, repository, ...wanted }),
      ({ id }) => ({ kind: "info", text: `Committed ${id.slice(0, 8)}.` }),
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
      ({ snapshot_id }) => ({ kind: "info", text: `Discarded ${what}.`, undo: snapshot_id }),
    );
  }

  restore(snapshot: string, said: string): Promise<unknown> {
    return this.attempt(
      "Restoring",
      "root",
      () => post<{ snapshot_id: string }>(`${this.base}/snapshots/${snapshot}/restore`),
      ({ snapshot_id }) => ({ kind: "info", text: said, undo: snapshot_id }),
    );
  }

  rollBack(repository: string, commit: string, mode: "content" | "head"): Promise<unknown> {
    return this.attempt(
      "Rolling back",
      repository,
      () => post<{ snapshot_id: string }>(`${this.base}/rollback`, { commit_id: commit, mode, repository }),
      ({ snapshot_id }) => ({ kind: "info", text: `Rolled back to ${commit.slice(0, 8)}.`, undo: snapshot_id }),
    );
  }

  merge(repository: string, session: string, name: string): Promise<unknown> {
    return this.attempt(
      "Merging",
      repository,
      () => post<Merged>(`${this.base}/merge`, { from_session: session, repository }),
      (merged) => ({ kind: "info", text: mergedWords(merged, name), undo: merged.snapshot_id ?? undefined }),
    );
  }

  pull(repository: string, remote: Remote = {}): Promise<unknown> {
    return this.attempt(
      "Pulling",
      repository,
      () => post<Merged>(`${this.base}/pull`, { repository, ...remote }),
      (merged) => ({ kind: "info", text: mergedWords(merged, "the remote"), undo: merged.snapshot_id ?? undefined }),
    );
  }

  push(repository: string, remote: Remote = {}): Promise<unknown> {
    return this.attempt(
      "Pushing",
      repository,
      () => post<{ branch: string; head: string }>(`${this.base}/push`, { repository, ...remote }),
      ({ branch, head }) => ({ kind: "info", text: `Pushed ${head.slice(0, 8)} to ${branch}.` }),
    );
  }
}

export type Remote = { url?: string; token?: string };
type Merged = { id: string; fast_forward: boolean; snapshot_id: string | null };

function mergedWords(merged: Merged, from: string): string {
  if (!merged.snapshot_id) return `Nothing new: all of ${from} is here already.`;
  return merged.fast_forward ? `Moved forward to what ${from} has.` : `Merged ${from} in ${merged.id.slice(0, 8)}.`;
}

function refusal(error: Refused, what: string, repository: string): News {
  const news: News = { kind: "error", text: error.message };
  const files = error.details.files;
  if (Array.isArray(files)) {
    const theirs = typeof error.details.theirs === "string" ? error.details.theirs : undefined;
    if (theirs) news.text = "Both sides changed the same lines of these files; nothing was touched.";
    news.conflicts = { files: files.map(String), theirs, repository };
  }
  const verb = what === "Pushing" ? "push" : what === "Pulling" ? "pull" : null;
  if (verb && (error.code === "no_remote" || error.code.startsWith("remote_")))
    news.remote = { about: "remote", verb, repository };
  return news;
}

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
