// What happened and was said about a pull request, in its order, and what remains to be done with it.
import { useEffect } from "react";
import { useMe } from "../me";
import { Button } from "../parts/controls";
import { useKept } from "../parts/useKept";
import { Icon, type IconName } from "../shell/icons";
import { useStore } from "../shell/store";
import type { Commit } from "../source/types";
import { ago, inFull } from "../source/words";
import type { Desk } from "./desk";
import { Outdated } from "./Outdated";
import type { May } from "./Thread";
import type { Pull, Review, Reviewer, Thread } from "./types";
import { Words, Writer } from "./Writer";

const VERDICT: Record<Review["verdict"], [words: string, icon: IconName, kind: string]> = {
  approve: ["approved this", "check", "good"],
  request_changes: ["asked for changes", "warning", "bad"],
  comment: ["reviewed", "eye", ""],
};

type Item =
  | { kind: "commit"; time: string; commit: Commit }
  | { kind: "review"; time: string; review: Review; threads: Thread[] }
  | { kind: "thread"; time: string; thread: Thread };

function itemsOf(commits: Commit[], reviews: Review[], threads: Thread[]): Item[] {
  const known = new Set(reviews.map((review) => review.id));
  const reviewOf = (thread: Thread) => thread.comments[0]?.review_id ?? "";
  const items: Item[] = [
    ...commits.map((commit): Item => ({ kind: "commit", time: commit.time, commit })),
    ...reviews.map(
      (review): Item => ({
        kind: "review",
        time: review.created_at,
        review,
        threads: threads.filter((thread) => reviewOf(thread) === review.id),
      }),
    ),
    ...threads
      .filter((thread) => !known.has(reviewOf(thread)))
      .map((thread): Item => ({ kind: "thread", time: thread.created_at, thread })),
  ];
  return items.sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
}

export function Conversation({ desk, may, onThread }: { desk: Desk; may: May; onThread: (thread: Thread) => void }) {
  const { pull, commits, reviews, threads } = useStore(desk.state);
  const [text, setText] = useKept(`comment.${desk.at}`);
  useEffect(() => {
    void desk.wantFiles(); // the lines that comments are on
  }, [desk]);
  const known = threads.length > 0;
  useEffect(() => {
    if (known && location.hash.startsWith("#thread-"))
      document.getElementById(location.hash.slice(1))?.scrollIntoView({ block: "center" });
  }, [known]);
  if (!pull) return null;
  const say = async () => {
    if (text.trim() && (await desk.comment({ body: text }))) setText("");
  };
  const box = (thread: Thread) => <Outdated key={thread.id} desk={desk} thread={thread} may={may} go={onThread} />;
  return (
    <div className="conversation">
      <Event icon="pull" name={pull.author.name} words="opened this" time={pull.created_at}>
        {pull.body.trim() ? <Words text={pull.body} /> : <p className="soft said">No description.</p>}
      </Event>
      {itemsOf(commits, reviews, threads).map((item) => {
        if (item.kind === "commit") return <CommitLine key={item.commit.id} commit={item.commit} />;
        if (item.kind === "thread") return box(item.thread);
        const [words, icon, kind] = VERDICT[item.review.verdict];
        return (
          <div key={item.review.id}>
            <Event
              icon={icon}
              kind={kind}
              name={item.review.author.name}
              words={`${words}${item.review.stale ? ", before the latest commits" : ""}`}
              time={item.time}
            >
              <Words text={item.review.body} />
            </Event>
            {item.threads.map(box)}
          </div>
        );
      })}
      {pull.ended_at && pull.state !== "open" && (
        <Event
          icon={pull.state === "merged" ? "check" : "close"}
          name=""
          words={pull.state === "merged" ? `Merged into ${pull.base_branch}` : "Closed"}
          time={pull.ended_at}
        />
      )}
      {may.comment && (
        <div className="answer">
          <Writer label="Comment on the whole" value={text} onChange={setText} onSend={say} />
          <div className="row end">
            <Button kind="main" disabled={!text.trim()} onClick={say}>
              Comment
            </Button>
          </div>
        </div>
      )}
    </div>
  );
}

function Event({
  icon,
  kind = "",
  name,
  words,
  time,
  children,
}: {
  icon: IconName;
  kind?: string;
  name: string;
  words: string;
  time: string;
  children?: React.ReactNode;
}) {
  return (
    <article className={`event ${kind}`}>
      <header className="row">
        <Icon name={icon} />
        <span>
          {name && <strong>{name}</strong>} {words}
        </span>
        <time className="soft" dateTime={time} title={inFull(time)}>
          {ago(time)}
        </time>
      </header>
      {children}
    </article>
  );
}

export function CommitLine({ commit }: { commit: Commit }) {
  return (
    <div className="row commit-line">
      <Icon name="commit" />
      <code>{commit.id.slice(0, 8)}</code>
      <span className="ellipsis grow" title={commit.message}>
        {commit.message.split("\n")[0]}
      </span>
      <span className="soft">{commit.author.name}</span>
      <time className="soft" dateTime={commit.time} title={inFull(commit.time)}>
        {ago(commit.time)}
      </time>
    </div>
  );
}

/** Who is asked and has answered, and what it is about. */
export function Facts({ desk, pull, write, onEdit }: { desk: Desk; pull: Pull; write: boolean; onEdit: () => void }) {
  const me = useMe();
  const alive = pull.state === "open" || pull.state === "draft";
  const ids = (rows: Reviewer[], without = "") => rows.map((row) => row.id).filter((id) => id !== without);
  /** Asked anew, the answer from before does not count. */
  const again = (asked: Reviewer, key: "reviewers" | "reviewer_teams") => async () => {
    if (await desk.change({ [key]: ids(pull[key], asked.id) }))
      await desk.change({ [key]: ids(pull[key]) }, `Asked ${asked.name} again.`);
  };
  const row = (asked: Reviewer, key: "reviewers" | "reviewer_teams") => (
    <li key={asked.id} className="row">
      <Icon name={asked.answered ? "check" : "eye"} />
      <span>
        {key === "reviewer_teams" ? `Team ${asked.name}` : asked.id === me.user.id ? "You" : asked.name}
        <span className="soft">{asked.answered ? " answered" : " asked"}</span>
      </span>
      {asked.answered && write && alive && (
        <Button kind="quiet" onClick={again(asked, key)}>
          Ask again
        </Button>
      )}
    </li>
  );
  return (
    <aside className="pull-facts" aria-label="About this pull request">
      <h2>Reviews</h2>
      <ul>
        {pull.reviewer_teams.map((one) => row(one, "reviewer_teams"))}
        {pull.reviewers.map((one) => row(one, "reviewers"))}
      </ul>
      {pull.reviewers.length + pull.reviewer_teams.length === 0 && <p className="soft">Nobody was asked.</p>}
      {pull.labels.length > 0 && (
        <>
          <h2>Labels</h2>
          <p>
            {pull.labels.map((label) => (
              <span key={label} className="tag">
                {label}
              </span>
            ))}
          </p>
        </>
      )}
      {write && (
        <Button kind="quiet" onClick={onEdit}>
          Change…
        </Button>
      )}
    </aside>
  );
}
