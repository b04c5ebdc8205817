// Around the whole workbench: looks what has changed, and asks what must be asked.
import { type ReactNode, useEffect, useState } from "react";
import { get, type Page, post } from "../api";
import { Button, Dialog, Field, Notice } from "../parts/controls";
import { useAnswer } from "../parts/useAnswer";
import type { Bench } from "../shell/bench";
import { useStore } from "../shell/store";
import { followEditors } from "./beside";
import { type Ask, sourceOf } from "./state";
import type { Branch } from "./types";

export function Provider({ bench, children }: { bench: Bench; children?: ReactNode }) {
  const source = sourceOf(bench);
  const tick = useStore(bench.tick);
  const info = useStore(bench.info);
  const ready = info.session?.status === "ready";
  // biome-ignore lint/correctness/useExhaustiveDependencies: a tick means that something changed
  useEffect(() => {
    if (ready) source.refresh();
  }, [source, ready, tick]);
  useEffect(() => followEditors(bench), [bench]);
  const asking = useStore(source.asking);
  return (
    <>
      {children}
      {asking && <Asked key={JSON.stringify(asking)} bench={bench} ask={asking} />}
    </>
  );
}

function Asked({ bench, ask }: { bench: Bench; ask: Ask }) {
  const source = sourceOf(bench);
  const close = () => source.asking.set(null);
  if (ask.about === "remote") return <AskRemote bench={bench} ask={ask} onClose={close} />;
  if (ask.about === "rollback") return <AskRollback bench={bench} ask={ask} onClose={close} />;
  if (ask.about === "merge") return <AskMerge bench={bench} repository={ask.repository} onClose={close} />;
  return <AskSnapshot bench={bench} onClose={close} />;
}

const Buttons = ({ verb, onClose, disabled = false }: { verb: string; onClose: () => void; disabled?: boolean }) => (
  <div className="row end">
    <Button onClick={onClose}>Cancel</Button>
    <Button type="submit" kind="main" disabled={disabled}>
      {verb}
    </Button>
  </div>
);

function AskRemote({
  bench,
  ask,
  onClose,
}: {
  bench: Bench;
  ask: Extract<Ask, { about: "remote" }>;
  onClose: () => void;
}) {
  const source = sourceOf(bench);
  const known = source.state.get().repositories?.find((row) => row.name === ask.repository)?.remote_url ?? "";
  const [url, setUrl] = useState(known);
  const [token, setToken] = useState("");
  const submit = () => {
    onClose();
    const remote = { ...(url && url !== known ? { url } : {}), ...(token ? { token } : {}) };
    void (ask.verb === "push" ? source.push(ask.repository, remote) : source.pull(ask.repository, remote));
  };
  return (
    <Dialog title={ask.verb === "push" ? "Push to a remote" : "Pull from a remote"} onClose={onClose} onSubmit={submit}>
      <Field
        label="Address"
        required
        autoFocus
        value={url}
        placeholder="https://example.com/you/project.git"
        hint="It is kept for the repository, without its credentials."
        onChange={(event) => setUrl(event.target.value)}
      />
      <Field
        label="Token"
        type="password"
        autoComplete="off"
        value={token}
        hint="Used once and not kept. Leave it empty where none is needed."
        onChange={(event) => setToken(event.target.value)}
      />
      <Buttons verb={ask.verb === "push" ? "Push" : "Pull"} onClose={onClose} disabled={!url.trim()} />
    </Dialog>
  );
}

function AskRollback({
  bench,
  ask,
  onClose,
}: {
  bench: Bench;
  ask: Extract<Ask, { about: "rollback" }>;
  onClose: () => void;
}) {
  const source = sourceOf(bench);
  const [mode, setMode] = useState<"content" | "head">("content");
  const submit = () => {
    onClose();
    void source.rollBack(ask.repository, ask.commit, mode);
  };
  const option = (value: "content" | "head", title: string, text: string) => (
    <label className="option">
      <input type="radio" name="mode" checked={mode === value} onChange={() => setMode(value)} />
      <span>
        <strong>{title}</strong>
        <small className="soft">{text}</small>
      </span>
    </label>
  );
  return (
    <Dialog title="Roll back" onClose={onClose} onSubmit={submit}>
      <p>
        To <code>{ask.commit.slice(0, 8)}</code> {ask.subject}
      </p>
      {option("content", "As a new commit", "The files become what they were then; the history since stays.")}
      {option("head", "By moving the branch back", "The commits since are no longer on this branch.")}
      <p className="soft">A snapshot is taken first, so that this can be undone.</p>
      <Buttons verb="Roll back" onClose={onClose} />
    </Dialog>
  );
}

function AskSnapshot({ bench, onClose }: { bench: Bench; onClose: () => void }) {
  const source = sourceOf(bench);
  const [label, setLabel] = useState("");
  const submit = () => {
    onClose();
    void source.attempt(
      "Taking a snapshot",
      "root",
      () => post(`${source.base}/snapshots`, { label: label.trim() }),
      () => ({ text: "Took a snapshot of the files as they are." }),
    );
  };
  return (
    <Dialog title="Take a snapshot" onClose={onClose} onSubmit={submit}>
      <Field
        label="Label"
        autoFocus
        maxLength={200}
        value={label}
        placeholder="before the big change"
        hint="Files that are not committed are held too; ignored ones are not."
        onChange={(event) => setLabel(event.target.value)}
      />
      <Buttons verb="Take it" onClose={onClose} />
    </Dialog>
  );
}

function AskMerge({ bench, repository, onClose }: { bench: Bench; repository: string; onClose: () => void }) {
  const source = sourceOf(bench);
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState("");
  const asked = `${source.base}/branches?${new URLSearchParams({ repository, query, limit: "50" })}`;
  const { data, failure, load } = useAnswer(asked, () => get<Page<Branch>>(asked));
  useEffect(() => void load(), [load]);
  const rows = data?.items.filter((row) => !row.current && row.session_id);
  const branch = rows?.find((row) => row.session_id === chosen); // what is not in sight is not merged
  const submit = () => {
    if (!branch) return;
    onClose();
    void source.merge(repository, chosen, branch.name);
  };
  return (
    <Dialog title="Merge another session into this" onClose={onClose} onSubmit={submit}>
      <p>What it has committed comes here. Where both changed the same lines nothing is touched.</p>
      <Field
        label="Find a session"
        type="search"
        autoFocus
        value={query}
        placeholder="A part of its name or of its branch"
        onChange={(event) => setQuery(event.target.value)}
      />
      <Notice text={failure} />
      <div className="merge-from" role="radiogroup" aria-label="Session" aria-busy={!data && !failure}>
        {rows?.map((row) => (
          <label key={row.name} className="option">
            <input
              type="radio"
              name="from"
              checked={row.session_id === chosen}
              onChange={() => setChosen(row.session_id ?? "")}
            />
            <span>
              {row.session_name}
              <small className="soft">
                <code>{row.name}</code> at <code>{row.head.slice(0, 8)}</code>
              </small>
            </span>
          </label>
        ))}
        {rows?.length === 0 && <p className="soft">{query ? "No session fits." : "There is no other session."}</p>}
        {data?.next_cursor && data.items.at(-1)?.session_id && (
          <p className="soft small">More fit: search for a part of a name.</p>
        )}
      </div>
      <Buttons verb="Merge" onClose={onClose} disabled={!branch} />
    </Dialog>
  );
}
