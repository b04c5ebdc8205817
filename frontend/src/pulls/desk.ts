// One pull request with all that belongs to it, looked at anew when the feed says that something happened, and what one does to it.
import { useEffect, useMemo } from "react";
import { call, type Fact, get, type Page, post, Refused } from "../api";
import { follow } from "../feed";
import { inTurn, soon } from "../inTurn";
import { createStore } from "../shell/store";
import { toggled } from "../source/rows";
import type { Commit, Diff, FileDiff } from "../source/types";
import { fileOf } from "./patch";
import type { Check, Comment, NewComment, Place, Pull, PullDiff, PullFile, Review, Thread, Verdict } from "./types";

export type State = {
  pull: Pull | null;
  threads: Thread[];
  reviews: Review[];
  commits: Commit[];
  checks: Check[];
  files: PullFile[] | null; // null until they are known
  total: number; // of all files, the ones not loaded yet too
  failure: string; // why there is no pull request
  filesFailure: string;
};
/** What is written and not sent. */
export type Draft = { id: string; at: Place; body: string };

const FIRST: State = {
  pull: null,
  threads: [],
  reviews: [],
  commits: [],
  checks: [],
  files: null,
  total: 0,
  failure: "",
  filesFailure: "",
};
const PAUSE = 150; // ms
const MOST_FILES = 3000;
const WHOLE = 1000; // lines of context, the most that the API gives

export class Desk {
  readonly state = createStore<State>(FIRST);
  /** Comments of the review that is being written; they outlive a reload. */
  readonly drafts = createStore<Draft[]>([]);
  /** Comments whose suggestions are applied together. */
  readonly batch = createStore<ReadonlySet<string>>(new Set());
  /** What was refused, in words. */
  readonly trouble = createStore("");
  /** What was just done, read out. */
  readonly said = createStore("");
  readonly busy = createStore(false);
  private wantsFiles = false;
  private filesOf = ""; // the commits between which they are the difference

  constructor(
    readonly workspaceId: string,
    readonly number: number,
  ) {}

  get at(): string {
    return `/workspace/${this.workspaceId}/pull-requests/${this.number}`;
  }

  /** Where a session's view of it lies. */
  private get side(): string {
    const { pull } = this.state.get();
    const session = pull?.head_session_id ?? pull?.base_session_id;
    return `/workspace/${this.workspaceId}/sessions/${session}/pull-requests/${this.number}`;
  }

  /** Looks, and again when something happened. Returns how to stop. */
  start(): () => void {
    void this.look();
    const again = soon(PAUSE, this.look);
    const leave = follow((fact: Fact) => {
      const { pull } = this.state.get();
      const ours = fact.name.startsWith("pull.") && fact.data.number === this.number;
      const sides = [pull?.head_session_id, pull?.base_session_id];
      const moved = fact.name.startsWith("vcs.") && fact.session_id !== null && sides.includes(fact.session_id);
      if (fact.name === "reset" || (fact.workspace_id === this.workspaceId && (ours || moved))) again();
    });
    return () => {
      leave();
      again.end();
    };
  }

  readonly look = inTurn(async () => {
    try {
      const pull = await get<Pull>(this.at); // first: it looks where the branches are, which moves the threads
      const [threads, reviews, commits, checks] = await Promise.all([
        get<Page<Thread>>(`${this.at}/threads`),
        get<Page<Review>>(`${this.at}/reviews`),
        get<Page<Commit>>(`${this.at}/commits`).catch(() => ({ items: [] as Commit[] })), // both sessions are gone
        get<Page<Check>>(`${this.at}/checks`),
      ]);
      if (this.state.get().pull === null) this.drafts.set(kept(pull));
      this.state.set((old) => ({
        ...old,
        pull,
        threads: threads.items,
        reviews: reviews.items,
        commits: commits.items,
        checks: checks.items,
        failure: "",
      }));
      if (this.wantsFiles) await this.loadFiles();
    } catch (error) {
      this.state.set((old) => ({ ...old, failure: (error as Refused).message }));
    }
  });

  /** The difference, from now on kept up with the commits. */
  async wantFiles(): Promise<void> {
    this.wantsFiles = true;
    if (this.state.get().pull) await this.loadFiles();
  }

  private async loadFiles(): Promise<void> {
    const { pull } = this.state.get();
    const between = `${pull?.merge_base}..${pull?.head_commit}`;
    if (this.filesOf === between) return;
    this.filesOf = between;
    try {
      const files: PullFile[] = [];
      for (let cursor: string | null = ""; cursor !== null && files.length < MOST_FILES; ) {
        const page: PullDiff = await get<PullDiff>(`${this.side}/diff?${cursor ? `cursor=${cursor}` : ""}`);
        if (this.filesOf !== between) return; // something newer is under way
        files.push(...page.items.map(fileOf));
        cursor = page.next_cursor;
        this.state.set((old) => ({ ...old, files: [...files], total: page.total_files, filesFailure: "" }));
      }
    } catch (error) {
      this.filesOf = "";
      this.state.set((old) => ({ ...old, files: old.files ?? [], filesFailure: (error as Refused).message }));
    }
  }

  /** All of one file: lines that were left out, and what stands around the changes. */
  async showWhole(path: string): Promise<void> {
    await this.attempt(async () => {
      const words = new URLSearchParams({ path, context: String(WHOLE) });
      const of = this.filesOf;
      const { items } = await get<PullDiff>(`${this.side}/diff?${words}`);
      if (this.filesOf === of) this.replace(items.map(fileOf)); // else it may be of commits before those that are shown
    });
  }

  private replace(files: PullFile[]): void {
    const found = new Map(files.map((file) => [file.path, file]));
    this.state.set((old) => ({ ...old, files: old.files?.map((file) => found.get(file.path) ?? file) ?? null }));
  }

  /** What became of lines that were commented on and are gone: the difference since, which shows them. */
  async since(thread: Thread): Promise<FileDiff | null> {
    const { pull } = this.state.get();
    const session = pull?.head_session_id ?? pull?.base_session_id;
    if (!pull || !session || thread.path === null) return null;
    const to = thread.side === "head" ? pull.head_commit : pull.merge_base;
    const { files } = await post<Diff>(`/workspace/${session}/version-controls/diff`, {
      from: thread.commit_id,
      to,
      repository: pull.repository,
      paths: [thread.path],
    });
    return files[0] ?? null;
  }

  /** Does it and looks again; false when it was refused, which `trouble` tells. */
  async attempt(work: () => Promise<unknown>, said = ""): Promise<boolean> {
    this.busy.set(true);
    this.trouble.set("");
    try {
      await work();
      this.said.set(said);
      return true;
    } catch (error) {
      this.trouble.set(words(error as Refused));
      return false;
    } finally {
      this.busy.set(false);
      void this.look();
    }
  }

  change(parts: Record<string, unknown>, said = "Saved."): Promise<boolean> {
    return this.attempt(() => call("PUT", this.at, parts), said);
  }

  /** Marks what is shown of the file: what comes of it while this goes to the server was not seen. */
  view({ path, content }: PullFile, viewed: boolean): Promise<boolean> {
    const mark = (to: boolean) => {
      const same = this.state.get().files?.filter((one) => one.path === path && one.content === content) ?? [];
      this.replace(same.map((one) => ({ ...one, viewed: to })));
    };
    mark(viewed);
    return this.attempt(async () => {
      try {
        await call("PUT", `${this.side}/viewed`, { path, viewed, content });
        mark(viewed); // also where the files were read again before the mark was there
      } catch (error) {
        mark(!viewed);
        throw error;
      }
    });
  }

  comment(made: NewComment): Promise<boolean> {
    return this.attempt(() => post<Thread>(`${this.at}/threads`, made), "Commented.");
  }

  reply(thread: Thread, body: string): Promise<boolean> {
    return this.attempt(() => post<Comment>(`${this.at}/threads/${thread.id}/comments`, { body }), "Replied.");
  }

  resolve(thread: Thread, resolved: boolean): Promise<boolean> {
    const said = resolved ? "Resolved." : "Opened again.";
    return this.attempt(() => call("PUT", `${this.at}/threads/${thread.id}`, { resolved }), said);
  }

  edit(comment: Comment, body: string): Promise<boolean> {
    return this.attempt(() => call("PUT", `${this.at}/comments/${comment.id}`, { body }), "Saved.");
  }

  remove(comment: Comment): Promise<boolean> {
    return this.attempt(() => call("DELETE", `${this.at}/comments/${comment.id}`), "Deleted.");
  }

  async apply(comments: string[]): Promise<boolean> {
    const expected_head = this.state.get().pull?.head_commit;
    const done = await this.attempt(
      () => post(`${this.at}/apply-suggestions`, { comment_ids: comments, expected_head }),
      comments.length > 1 ? `Applied ${comments.length} suggestions.` : "Applied the suggestion.",
    );
    if (done) this.batch.set(new Set());
    return done;
  }

  toggleBatch(comment: string): void {
    this.batch.set((old) => toggled(old, comment));
  }

  keepDrafts(change: (old: Draft[]) => Draft[]): void {
    this.drafts.set(change);
    const { pull } = this.state.get();
    if (pull) localStorage.setItem(`review.${pull.id}`, JSON.stringify(this.drafts.get()));
  }

  /** Sends the review with the comments that wait for it. */
  async review(verdict: Verdict, body: string): Promise<boolean> {
    const comments = this.drafts.get().map((draft) => sent(draft.at, draft.body));
    const commit_id = this.state.get().pull?.head_commit;
    const done = await this.attempt(
      () => post<Review>(`${this.side}/review`, { verdict, body, comments, commit_id }),
      "The review is sent.",
    );
    if (done) this.keepDrafts(() => []);
    return done;
  }
}

/** A comment on lines as the API takes it. */
export const sent = ({ path, side, start_line, line }: Place, body: string): NewComment => ({
  body,
  path,
  side,
  line,
  ...(start_line < line ? { start_line } : {}),
});

function kept(pull: Pull): Draft[] {
  try {
    const found = JSON.parse(localStorage.getItem(`review.${pull.id}`) ?? "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

/** The refusal with the files that it is about. */
function words(error: Refused): string {
  const files = error instanceof Refused && Array.isArray(error.details.files) ? error.details.files.map(String) : [];
  return files.length > 0 ? `${error.message} (${files.slice(0, 8).join(", ")})` : error.message;
}

export function useDesk(workspaceId: string, number: number): Desk {
  const desk = useMemo(() => new Desk(workspaceId, number), [workspaceId, number]);
  useEffect(() => desk.start(), [desk]);
  return desk;
}
