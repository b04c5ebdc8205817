// Opening a pull request, and changing what it says, who is asked and what it is about.
import { type ReactNode, useEffect, useId, useState } from "react";
import { get, type Page, post, type Refused } from "../api";
import { useMe } from "../me";
import { Button, Dialog, Field, Notice } from "../parts/controls";
import { toggled } from "../source/rows";
import type { Repository } from "../source/types";
import type { Desk } from "./desk";
import { NamedContext, type Room } from "./room";
import type { Pull } from "./types";
import { Writer } from "./Writer";

type Said = { title: string; body: string; labels: string; reviewers: ReadonlySet<string>; teams: ReadonlySet<string> };
const EMPTY: Said = { title: "", body: "", labels: "", reviewers: new Set(), teams: new Set() };

const wireOf = ({ title, body, labels, reviewers, teams }: Said) => ({
  title,
  body,
  labels: labels
    .split(",")
    .map((label) => label.trim())
    .filter(Boolean),
  reviewers: [...reviewers],
  reviewer_teams: [...teams],
});

function Fields({
  said,
  onChange,
  room,
  author,
}: {
  said: Said;
  onChange: (said: Said) => void;
  room: Room;
  author: string | null; // nobody is asked to review what is their own
}) {
  return (
    <>
      <Field
        label="Title"
        value={said.title}
        maxLength={300}
        required
        autoFocus
        onChange={(event) => onChange({ ...said, title: event.target.value })}
      />
      <Writer label="Description" value={said.body} rows={5} onChange={(body) => onChange({ ...said, body })} />
      <fieldset className="asked">
        <legend>Ask for a review</legend>
        {room.teams.map((team) => (
          <Choice
            key={team.id}
            label={`Team ${team.name}`}
            chosen={said.teams.has(team.id)}
            onToggle={() => onChange({ ...said, teams: toggled(said.teams, team.id) })}
          />
        ))}
        {room.people
          .filter((person) => person.user_id !== author)
          .map((person) => (
            <Choice
              key={person.user_id}
              label={person.name}
              chosen={said.reviewers.has(person.user_id)}
              onToggle={() => onChange({ ...said, reviewers: toggled(said.reviewers, person.user_id) })}
            />
          ))}
        {room.people.length < 2 && <p className="soft">Nobody else is in this organisation yet.</p>}
      </fieldset>
      <Field
        label="Labels"
        value={said.labels}
        placeholder="bug, urgent"
        hint="Separated by commas."
        onChange={(event) => onChange({ ...said, labels: event.target.value })}
      />
    </>
  );
}

const Choice = ({ label, chosen, onToggle }: { label: string; chosen: boolean; onToggle: () => void }) => (
  <label className="row">
    <input type="checkbox" checked={chosen} onChange={onToggle} />
    {label}
  </label>
);

export function Select({
  label,
  value,
  onChange,
  children,
  hint,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  children: ReactNode;
  hint?: string;
}) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.target.value)}>
        {children}
      </select>
      {hint && <small>{hint}</small>}
    </div>
  );
}

const ROOT = [{ name: "root", remote_url: null }];

/** The host of a remote; empty where it has none that a provider could be at. */
function hostOf(url: string | null | undefined): string {
  return /^(?:(?:https?|ssh):\/\/(?:[^@/]*@)?|[^@/:]+@)([\w.-]+)(?::|\/)/i.exec(url ?? "")?.[1] ?? "";
}

export function OpenPull({
  room,
  head,
  onClose,
  onOpened,
}: {
  room: Room;
  head: string | null; // the session whose work it is, where one comes from it
  onClose: () => void;
  onOpened: (pull: Pull) => void;
}) {
  const me = useMe();
  const home = room.workspace?.default_session_id ?? "";
  const ready = room.sessions.filter((one) => one.status === "ready");
  const [from, setFrom] = useState(head && head !== home ? head : (ready.find((one) => one.id !== home)?.id ?? ""));
  const [into, setInto] = useState(home);
  const [repositories, setRepositories] = useState<Pick<Repository, "name" | "remote_url">[]>(ROOT);
  const [repository, setRepository] = useState("root");
  const [draft, setDraft] = useState(false);
  const [mirror, setMirror] = useState(false);
  const [said, setSaid] = useState<Said>({ ...EMPTY, title: ready.find((one) => one.id === from)?.name ?? "" });
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (!from) return;
    let left = false;
    get<Page<Repository>>(`/workspace/${from}/version-controls/repositories`).then(
      (page) => !left && setRepositories(page.items),
      () => !left && setRepositories(ROOT),
    );
    return () => {
      left = true;
    };
  }, [from]);
  const open = async () => {
    setBusy(true);
    setFailure("");
    const body = { head_session_id: from, base_session_id: into, repository, draft, mirror, ...wireOf(said) };
    try {
      onOpened(await post<Pull>(`/workspace/${room.workspace?.id}/pull-requests`, body));
    } catch (error) {
      setFailure((error as Refused).message);
      setBusy(false);
    }
  };
  const remote = hostOf(repositories.find((one) => one.name === repository)?.remote_url);
  const options = ready.map((one) => (
    <option key={one.id} value={one.id}>
      {one.name} ({one.branch})
    </option>
  ));
  return (
    <NamedContext value={room.named}>
      <Dialog title="Open a pull request" wide onClose={onClose} onSubmit={open}>
        {ready.length < 2 ? (
          <p>A pull request brings the work of one session into another: start a second session first.</p>
        ) : (
          <>
            <div className="two-fields">
              <Select label="What this session has committed" value={from} onChange={setFrom}>
                {options}
              </Select>
              <Select label="comes into" value={into} onChange={setInto}>
                {options}
              </Select>
            </div>
            {repositories.length > 1 && (
              <Select label="Repository" value={repository} onChange={setRepository}>
                {repositories.map(({ name }) => (
                  <option key={name}>{name}</option>
                ))}
              </Select>
            )}
            <Fields said={said} onChange={setSaid} room={room} author={me.user.id} />
            <Choice label="A draft: it is not to be merged yet" chosen={draft} onToggle={() => setDraft(!draft)} />
            {remote && (
              <Choice
                label={`Open it at ${remote} too, and keep both in step`}
                chosen={mirror}
                onToggle={() => setMirror(!mirror)}
              />
            )}
          </>
        )}
        <Notice text={failure} />
        <div className="row end">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="main" disabled={busy || !from || !said.title.trim()}>
            {busy ? "Opening…" : "Open"}
          </Button>
        </div>
      </Dialog>
    </NamedContext>
  );
}

export function EditPull({ desk, pull, room, onClose }: { desk: Desk; pull: Pull; room: Room; onClose: () => void }) {
  const [said, setSaid] = useState<Said>({
    title: pull.title,
    body: pull.body,
    labels: pull.labels.join(", "),
    reviewers: new Set(pull.reviewers.map((one) => one.id)),
    teams: new Set(pull.reviewer_teams.map((one) => one.id)),
  });
  const save = async () => {
    if (await desk.change(wireOf(said))) onClose();
  };
  return (
    <Dialog title={`Edit pull request #${pull.number}`} wide onClose={onClose} onSubmit={save}>
      <Fields said={said} onChange={setSaid} room={room} author={pull.author.id} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main" disabled={!said.title.trim()}>
          Save
        </Button>
      </div>
    </Dialog>
  );
}
