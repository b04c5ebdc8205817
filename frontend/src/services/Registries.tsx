// The workspace's logins at registries, for private images that its services run or are built of: only ever written.
import { useEffect, useState } from "react";
import { call, get, type Page, type Refused } from "../api";
import { Button, Dialog, Field, Notice } from "../parts/controls";
import { useAnswer } from "../parts/useAnswer";

const NONE = { registry: "", username: "", password: "" };

export function Registries({ workspaceId, onClose }: { workspaceId: string; onClose: () => void }) {
  const [given, setGiven] = useState(NONE);
  const [failure, setFailure] = useState("");
  const path = `/workspace/${workspaceId}/registries`;
  const pathOf = (registry: string) => `${path}/${encodeURIComponent(registry.trim())}`;

  const { data, failure: away, load } = useAnswer(path, () => get<Page<{ registry: string; username: string }>>(path));
  useEffect(() => void load(), [load]);
  const attempt = (work: Promise<unknown>) =>
    work.then(
      () => {
        setFailure("");
        setGiven(NONE);
        return load();
      },
      (error: Refused) => setFailure(error.message),
    );
  const field = (name: keyof typeof NONE) => ({
    value: given[name],
    onChange: (event: { target: { value: string } }) => setGiven({ ...given, [name]: event.target.value }),
    autoComplete: "off",
    required: true,
  });
  const { username, password } = given;

  return (
    <Dialog
      title="Registries of this workspace"
      onClose={onClose}
      onSubmit={() => attempt(call("PUT", pathOf(given.registry), { username, password }))}
    >
      <p className="soft">
        Who pulls private images, also those that a Dockerfile begins with. Passwords are kept encrypted, not shown
        again, and told to their registry alone.
      </p>
      {data?.items.length === 0 && <p className="soft">None yet.</p>}
      <ul className="names">
        {data?.items.map((one) => (
          <li key={one.registry} className="row">
            <code>{one.registry}</code>
            <span className="soft">{one.username}</span>
            <span className="grow" />
            <button
              type="button"
              className="tool"
              aria-label={`Forget ${one.registry}`}
              title="Forget"
              onClick={() => attempt(call("DELETE", pathOf(one.registry)))}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
      <Field label="Registry" placeholder="docker.io" {...field("registry")} autoFocus />
      <div className="pair">
        <Field label="User" {...field("username")} />
        <Field label="Password" type="password" {...field("password")} />
      </div>
      <Notice text={failure || away} />
      <div className="row end">
        <Button onClick={onClose}>Close</Button>
        <Button type="submit" kind="main" disabled={!given.registry.trim() || !username || !password}>
          Set
        </Button>
      </div>
    </Dialog>
  );
}
