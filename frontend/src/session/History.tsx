// Commits and snapshots: what each changed, and ways back.
import { useCallback, useEffect, useState } from "react";
import { type Commit, type FileDiff, get, type Page, post, type Refused, vcs } from "../api";
import { Button, Notice } from "../parts/controls";
import { Diff } from "./Diff";

type Snapshot = { id: string; reason: string; label: string; created_at: string; files_changed: number };
const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function History({ sessionId, tick, onChange }: { sessionId: string; tick: number; onChange: () => void }) {
  const [commits, setCommits] = useState<Commit[]>([]);
  const [cursor, setCursor] = useState<string | null>(null);
  const [snapshots, setSnapshots] = useState<Snapshot[]>([]);
  const [open, setOpen] = useState("");
  const [changed, setChanged] = useState<FileDiff[]>([]);
  const [query, setQuery] = useState("");
  const [failure, setFailure] = useState("");
  const [undo, setUndo] = useState("");

  const log = useCallback(
    async (from: string) => {
      try {
        const page = await post<Page<Commit>>(`${vcs(sessionId)}/log`, {
          limit: 50,
          cursor: from,
          ...(query ? { query } : {}),
        });
        setCommits((old) => (from ? [...old, ...page.items] : page.items));
        setCursor(page.next_cursor);
      } catch (error) {
        setFailure((error as Refused).message);
      }
    },
    [sessionId, query],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: a tick means that something changed
  useEffect(() => {
    log("");
    get<Page<Snapshot>>(`${vcs(sessionId)}/snapshots?limit=30`).then(
      (page) => setSnapshots(page.items),
      () => setSnapshots([]),
    );
  }, [log, sessionId, tick]);

  const look = (id: string) => {
    setOpen(open === id ? "" : id);
    setChanged([]);
    if (open !== id)
      get<{ files: FileDiff[] }>(`${vcs(sessionId)}/log/${id}`).then(
        (found) => setChanged(found.files),
        (error: Refused) => setFailure(error.message),
      );
  };
  const attempt = (work: Promise<{ snapshot_id: string }>) =>
    work.then(
      (answer) => {
        setFailure("");
        setUndo(answer.snapshot_id);
        onChange();
      },
      (error: Refused) => setFailure(error.message),
    );
  const rollBack = (id: string) => attempt(post(`${vcs(sessionId)}/rollback`, { commit_id: id, mode: "content" }));
  const restore = (id: string) => attempt(post(`${vcs(sessionId)}/snapshots/${id}/restore`));

  return (
    <>
      <div className="row head">
        <h2>History</h2>
        <input
          type="search"
          aria-label="Search messages"
          placeholder="Search messages"
          value={query}
          onChange={(event) => setQuery(event.target.value)}
        />
      </div>
      <Notice text={failure} />
      {undo && (
        <Notice kind="info" text="Done.">
          <Button onClick={() => restore(undo)}>Undo</Button>
        </Notice>
      )}
      <ol className="log">
        {commits.map((commit) => (
          <li key={commit.id}>
            <button type="button" aria-expanded={open === commit.id} onClick={() => look(commit.id)}>
              <span className="subject">{commit.message.split("\n")[0]}</span>
              <span className="soft">
                {commit.refs.map((name) => (
                  <code key={name} className="ref">
                    {name}
                  </code>
                ))}
                {commit.author.name} · {when.format(new Date(commit.time))} · <code>{commit.id.slice(0, 8)}</code>
              </span>
            </button>
            {open === commit.id && (
              <div className="inside">
                <Button onClick={() => rollBack(commit.id)}>Roll back to this</Button>
                {changed.map((file) => (
                  <details key={file.path} open={changed.length === 1}>
                    <summary>
                      {file.path} <span className="plus">+{file.additions}</span>{" "}
                      <span className="minus">−{file.deletions}</span>
                    </summary>
                    <Diff file={file} />
                  </details>
                ))}
              </div>
            )}
          </li>
        ))}
      </ol>
      {cursor && <Button onClick={() => log(cursor)}>More</Button>}
      {snapshots.length > 0 && (
        <details className="snapshots">
          <summary>Snapshots ({snapshots.length})</summary>
          <ul>
            {snapshots.map((row) => (
              <li key={row.id} className="row">
                <span>
                  {row.label || `before ${row.reason}`}{" "}
                  <span className="soft">
                    · {when.format(new Date(row.created_at))} · {row.files_changed} files
                  </span>
                </span>
                <span className="grow" />
                <Button kind="quiet" onClick={() => restore(row.id)}>
                  Restore
                </Button>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
