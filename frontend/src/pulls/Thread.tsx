// A thread of comments on lines, or on the whole: what was said, what is suggested, the reply.
import { type ReactNode, useEffect, useState } from "react";
import { useMe } from "../me";
import { Button } from "../parts/controls";
import { useKept } from "../parts/useKept";
import { Tool } from "../shell/controls";
import { useStore } from "../shell/store";
import type { Line } from "../source/types";
import { ago, inFull } from "../source/words";
import type { Desk, Draft } from "./desk";
import { shownLines, smallDiff, suggestionIn } from "./patch";
import type { Comment, Place, Thread } from "./types";
import { Words, Writer } from "./Writer";

export type May = { comment: boolean; write: boolean };

export const placeOf = (thread: Thread): Place | null =>
  thread.path === null || thread.line === null
    ? null
    : { path: thread.path, side: thread.side, start_line: thread.start_line ?? thread.line, line: thread.line };

export const placeWords = ({ path, start_line, line }: Place): string =>
  `${path}, ${start_line < line ? `lines ${start_line} to ${line}` : `line ${line}`}`;

export function ThreadBox({ desk, thread, may, head }: { desk: Desk; thread: Thread; may: May; head?: ReactNode }) {
  const [open, setOpen] = useState(!thread.resolved);
  const [replying, setReplying] = useState(false);
  const [text, setText] = useKept(`reply.${thread.id}`);
  useEffect(() => setOpen(!thread.resolved), [thread.resolved]);
  const send = async () => {
    if (text.trim() && (await desk.reply(thread, text))) {
      setText("");
      setReplying(false);
    }
  };
  const place = placeOf(thread);
  return (
    <article
      className={`thread ${thread.resolved ? "resolved" : ""}`}
      id={`thread-${thread.id}`}
      aria-label={place ? `Comments on ${placeWords(place)}` : "Comments"}
    >
      <header className="row">
        {head}
        {thread.outdated && <span className="tag warn">Outdated</span>}
        {thread.resolved && <span className="tag">Resolved</span>}
        <span className="grow" />
        {thread.resolved && (
          <Button kind="quiet" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? "Hide" : "Show"}
          </Button>
        )}
      </header>
      {open && (
        <>
          {thread.comments.map((comment) => (
            <CommentBox key={comment.id} desk={desk} thread={thread} comment={comment} may={may} />
          ))}
          {replying ? (
            <div className="answer">
              <Writer
                label="Reply"
                value={text}
                onChange={setText}
                onSend={send}
                onLeave={() => setReplying(false)}
                rows={3}
                autoFocus
              />
              <div className="row end">
                <Button onClick={() => setReplying(false)}>Cancel</Button>
                <Button kind="main" disabled={!text.trim()} onClick={send}>
                  Reply
                </Button>
              </div>
            </div>
          ) : (
            may.comment && (
              <div className="row answer">
                <Button onClick={() => setReplying(true)}>Reply…</Button>
                <Button kind="quiet" onClick={() => desk.resolve(thread, !thread.resolved)}>
                  {thread.resolved ? "Open again" : "Resolve"}
                </Button>
              </div>
            )
          )}
        </>
      )}
    </article>
  );
}

function CommentBox({ desk, thread, comment, may }: { desk: Desk; thread: Thread; comment: Comment; may: May }) {
  const me = useMe();
  const [text, setText] = useState<string | null>(null);
  const mine = comment.author.id === me.user.id;
  const save = async () => {
    if (text?.trim() && (await desk.edit(comment, text))) setText(null);
  };
  return (
    <div className="comment" id={`comment-${comment.id}`}>
      <div className="row by-line">
        <strong>{comment.author.name}</strong>
        <time className="soft" dateTime={comment.created_at} title={inFull(comment.created_at)}>
          {ago(comment.created_at)}
          {comment.edited_at && ", edited"}
        </time>
        <span className="grow" />
        {mine && may.comment && text === null && (
          <>
            <Tool icon="pencil" label="Edit this comment" onClick={() => setText(comment.body)} />
            <Tool icon="trash" label="Delete this comment" onClick={() => desk.remove(comment)} />
          </>
        )}
      </div>
      {text === null ? (
        <Said desk={desk} thread={thread} comment={comment} may={may} />
      ) : (
        <>
          <Writer
            label="Comment"
            value={text}
            onChange={setText}
            onSend={save}
            onLeave={() => setText(null)}
            autoFocus
          />
          <div className="row end">
            <Button onClick={() => setText(null)}>Cancel</Button>
            <Button kind="main" disabled={!text.trim()} onClick={save}>
              Save
            </Button>
          </div>
        </>
      )}
    </div>
  );
}

/** What it says; a suggestion as the difference that it would make, with what applies it. */
function Said({ desk, thread, comment, may }: { desk: Desk; thread: Thread; comment: Comment; may: May }) {
  const { pull, files } = useStore(desk.state);
  const batch = useStore(desk.batch);
  const busy = useStore(desk.busy);
  const found = thread.side === "head" && thread.path !== null ? suggestionIn(comment.body) : null;
  if (!found) return <Words text={comment.body} />;
  const place = placeOf(thread);
  const old = place && !thread.outdated && !comment.applied_commit ? shownLines(files ?? [], place) : null;
  const alive = pull?.state === "open" || pull?.state === "draft";
  const can = may.write && alive && !thread.outdated && !comment.applied_commit;
  return (
    <>
      <Words text={found.before} />
      <figure className="suggestion">
        <figcaption className="row">
          <span>Suggested change</span>
          <span className="grow" />
          {comment.applied_commit && <span className="tag good">Applied in {comment.applied_commit.slice(0, 8)}</span>}
          {can && (
            <>
              <Button aria-pressed={batch.has(comment.id)} onClick={() => desk.toggleBatch(comment.id)}>
                {batch.has(comment.id) ? "Take out of batch" : "Add to batch"}
              </Button>
              <Button kind="main" disabled={busy} onClick={() => desk.apply([comment.id])}>
                Apply
              </Button>
            </>
          )}
        </figcaption>
        <Lines lines={smallDiff(old ?? [], found.lines)} />
      </figure>
      <Words text={found.after} />
    </>
  );
}

/** A few lines of a difference, without numbers. */
export function Lines({ lines }: { lines: Line[] }) {
  if (lines.length === 0) return <p className="soft said">The lines are taken away.</p>;
  return (
    <div className="few-lines">
      {lines.map((line, number) => (
        <div
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name
          key={number}
          className={`diff-line ${line.kind === "+" ? "plus" : line.kind === "-" ? "minus" : ""}`}
        >
          <span className="sign">{line.kind === "-" ? "−" : line.kind}</span>
          <code>{line.text}</code>
        </div>
      ))}
    </div>
  );
}

/** A comment of the review that is being written. */
export function DraftBox({ desk, draft }: { desk: Desk; draft: Draft }) {
  const change = (body: string) =>
    desk.keepDrafts((old) => old.map((one) => (one.id === draft.id ? { ...one, body } : one)));
  const [editing, setEditing] = useState(false);
  return (
    <article className="thread pending" aria-label={`Not sent yet, on ${placeWords(draft.at)}`}>
      <header className="row">
        <span className="tag warn">Not sent yet</span>
        <span className="grow" />
        <Tool icon="pencil" label="Edit this comment" aria-pressed={editing} onClick={() => setEditing(!editing)} />
        <Tool
          icon="trash"
          label="Throw this comment away"
          onClick={() => desk.keepDrafts((old) => old.filter((one) => one.id !== draft.id))}
        />
      </header>
      <div className="comment">
        {editing ? (
          <Writer label="Comment" value={draft.body} onChange={change} onSend={() => setEditing(false)} autoFocus />
        ) : (
          <Words text={draft.body} />
        )}
      </div>
    </article>
  );
}
