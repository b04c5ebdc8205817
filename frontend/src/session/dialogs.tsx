// Starting a session from another, and deleting one.
import { useState } from "react";
import { call, post, type Refused, type Session } from "../api";
import { Button, Dialog, Field, Notice } from "../parts/controls";
import { Sure } from "../parts/Sure";
import { go } from "../router";

export function Fork({ session, onClose }: { session: Session; onClose: () => void }) {
  const [name, setName] = useState("");
  const [failure, setFailure] = useState("");
  const create = () =>
    post<Session>("/sessions", { workspace_id: session.workspace_id, name, parent_session_id: session.id }).then(
      (made) => go(`/s/${made.id}`),
      (error: Refused) => setFailure(error.message),
    );
  return (
    <Dialog title={`New session from ${session.name}`} onClose={onClose} onSubmit={create}>
      <p>It starts with the files as they stand, uncommitted changes included.</p>
      <Field label="Name" value={name} onChange={(event) => setName(event.target.value)} required autoFocus />
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main">
          Start
        </Button>
      </div>
    </Dialog>
  );
}

export function DeleteSession({ session, home, onClose }: { session: Session; home: string; onClose: () => void }) {
  return (
    <Sure
      title={`Delete session ${session.name}?`}
      verb="Delete"
      act={() => call("DELETE", `/sessions/${session.id}`).then(() => go(`/s/${home}`))}
      onClose={onClose}
    >
      Its terminals end now. Files, uncommitted changes included, stay in the bin for 7 days.
    </Sure>
  );
}
