// The workspace's variables, for which compose files ask as ${NAME}: kept encrypted, only ever written.
import { useEffect, useState } from "react";
import { call, get, type Page, type Refused } from "../api";
import { Button, Dialog, Field, Notice } from "../parts/controls";
import { useAnswer } from "../parts/useAnswer";

export function Variables({ workspaceId, onClose }: { workspaceId: string; onClose: () => void }) {
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const [failure, setFailure] = useState("");
  const path = `/workspace/${workspaceId}/variables`;

  const { data, failure: away, load } = useAnswer(path, () => get<Page<{ name: string }>>(path));
  const names = data?.items.map((row) => row.name);
  useEffect(() => void load(), [load]);
  const attempt = (work: Promise<unknown>) =>
    work.then(
      () => {
        setFailure("");
        setName("");
        setValue("");
        return load();
      },
      (error: Refused) => setFailure(error.message),
    );

  return (
    <Dialog
      title="Variables of this workspace"
      onClose={onClose}
      onSubmit={() => attempt(call("PUT", `${path}/${encodeURIComponent(name)}`, { value }))}
    >
      <p className="soft">
        A compose file asks for them as <code>{"${NAME}"}</code>. They are kept encrypted and not shown again; a restart
        brings a change into effect.
      </p>
      {names?.length === 0 && <p className="soft">None yet.</p>}
      <ul className="names">
        {names?.map((one) => (
          <li key={one} className="row">
            <code>{one}</code>
            <span className="soft">••••••••</span>
            <span className="grow" />
            <button
              type="button"
              className="tool"
              aria-label={`Forget ${one}`}
              title="Forget"
              onClick={() => attempt(call("DELETE", `${path}/${encodeURIComponent(one)}`))}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
      <div className="pair">
        <Field
          label="Name"
          value={name}
          pattern="[A-Za-z_][A-Za-z0-9_]*"
          onChange={(event) => setName(event.target.value)}
          required
          autoFocus
        />
        <Field
          label="Value"
          type="password"
          autoComplete="off"
          value={value}
          onChange={(event) => setValue(event.target.value)}
        />
      </div>
      <Notice text={failure || away} />
      <div className="row end">
        <Button onClick={onClose}>Close</Button>
        <Button type="submit" kind="main" disabled={!name}>
          Set
        </Button>
      </div>
    </Dialog>
  );
}
