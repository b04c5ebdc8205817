// What is not committed: files, their differences, the commit box, and discarding with its way back.
import { useEffect, useState } from "react";
import { type Changed, type FileDiff, get, post, type Refused, vcs } from "../api";
import { Button, Notice } from "../parts/controls";
import { Diff } from "./Diff";

const LETTER: Record<string, string> = {
  added: "A",
  untracked: "U",
  modified: "M",
  deleted: "D",
  renamed: "R",
  conflicted: "!",
};

type Props = { sessionId: string; tick: number; onOpen: (path: string) => void; onChange: () => void };

export function Changes({ sessionId, tick, onOpen, onChange }: Props) {
  const [rows, setRows] = useState<Changed[] | null>(null);
  const [left, setLeft] = useState<Set<string>>(new Set()); // paths taken out of the next commit
  const [open, setOpen] = useState("");
  const [diff, setDiff] = useState<FileDiff | null>(null);
  const [message, setMessage] = useState("");
  const [failure, setFailure] = useState("");
  const [undo, setUndo] = useState("");
  const [done, setDone] = useState("");

  // biome-ignore lint/correctness/useExhaustiveDependencies: a tick means that something changed
  useEffect(() => {
    get<{ files: Changed[] }>(`${vcs(sessionId)}/status`).then(
      (found) => setRows(found.files),
      (error: Refused) => setFailure(error.message),
    );
  }, [sessionId, tick]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a tick means that something changed
  useEffect(() => {
    if (!open) return setDiff(null);
    get<{ files: FileDiff[] }>(`${vcs(sessionId)}/diff/working-copy?path=${encodeURIComponent(open)}`).then(
      (found) => setDiff(found.files[0] ?? null),
      () => setDiff(null),
    );
  }, [sessionId, open, tick]);

  const attempt = async (work: () => Promise<void>) => {
    setFailure("");
    setDone("");
    try {
      await work();
      onChange();
    } catch (error) {
      setFailure((error as Refused).message);
    }
  };
  const chosen = (rows ?? [])
    .filter((row) => !left.has(row.path))
    .flatMap((row) => (row.old_path ? [row.path, row.old_path] : [row.path]));
  const paths = left.size ? { paths: chosen } : {};
  const commit = () =>
    attempt(async () => {
      const made = await post<{ id: string }>(`${vcs(sessionId)}/commit`, { message, ...paths });
      setMessage("");
      setUndo("");
      setLeft(new Set());
      setDone(`Committed ${made.id.slice(0, 10)}`);
    });
  const generate = () =>
    attempt(async () =>
      setMessage((await post<{ message: string }>(`${vcs(sessionId)}/commit/generate-message`, paths)).message),
    );
  const discard = (only?: string) =>
    attempt(async () =>
      setUndo(
        (await post<{ snapshot_id: string }>(`${vcs(sessionId)}/discard`, only ? { paths: [only] } : paths))
          .snapshot_id,
      ),
    );
  const bringBack = () =>
    attempt(async () => {
      await post(`${vcs(sessionId)}/snapshots/${undo}/restore`);
      setUndo("");
    });
  const choose = (path: string) =>
    setLeft((old) => new Set(old.has(path) ? [...old].filter((other) => other !== path) : [...old, path]));

  return (
    <>
      <div className="row head">
        <h2>Changes</h2>
        <span className="grow" />
        {rows?.length ? (
          <Button kind="quiet" onClick={() => discard()}>
            Discard {left.size ? "chosen" : "all"}
          </Button>
        ) : null}
      </div>
      <form
        className="commit"
        onSubmit={(event) => {
          event.preventDefault();
          commit();
        }}
      >
        <textarea
          aria-label="Commit message"
          placeholder="What changed, and why"
          rows={3}
          value={message}
          onChange={(event) => setMessage(event.target.value)}
          onKeyDown={(event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && commit()}
        />
        <div className="row">
          <Button kind="quiet" onClick={generate} disabled={!rows?.length}>
            Propose
          </Button>
          <span className="grow" />
          <Button type="submit" kind="main" disabled={!message.trim() || chosen.length === 0} title="Ctrl/⌘ Enter">
            Commit {rows?.length && left.size ? `${rows.length - left.size} of ${rows.length}` : ""}
          </Button>
        </div>
      </form>
      <Notice text={failure} />
      <Notice kind="info" text={done} />
      {undo && (
        <Notice kind="info" text="Discarded.">
          <Button onClick={bringBack}>Undo</Button>
        </Notice>
      )}
      {rows?.length === 0 && <p className="soft empty">Nothing has changed since the last commit.</p>}
      <ul className="changed" aria-label="Changed files">
        {rows?.map((row) => (
          <li key={row.path}>
            <div className="row">
              <input
                type="checkbox"
                aria-label={`Commit ${row.path}`}
                checked={!left.has(row.path)}
                onChange={() => choose(row.path)}
              />
              <button
                type="button"
                className="path"
                aria-expanded={open === row.path}
                onClick={() => setOpen(open === row.path ? "" : row.path)}
                title={row.old_path ? `${row.old_path} → ${row.path}` : row.path}
              >
                <b className={`letter ${row.status}`} title={row.status}>
                  {LETTER[row.status]}
                </b>
                {row.path}
              </button>
              {row.status !== "deleted" && (
                <button
                  type="button"
                  className="tool"
                  aria-label={`Open ${row.path}`}
                  title="Open"
                  onClick={() => onOpen(row.path)}
                >
                  ↗
                </button>
              )}
              <button
                type="button"
                className="tool"
                aria-label={`Discard ${row.path}`}
                title="Discard"
                onClick={() => discard(row.path)}
              >
                ↺
              </button>
            </div>
            {open === row.path && diff && <Diff file={diff} />}
          </li>
        ))}
      </ul>
    </>
  );
}
