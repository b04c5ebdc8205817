// The workspace's logins at registries, for private images that its services run or are built of: only ever written.
import { useState } from "react";
import { Field } from "../parts/controls";
import { Kept } from "./Kept";

const NONE = { registry: "", username: "", password: "" };

export function Registries({ workspaceId, onClose }: { workspaceId: string; onClose: () => void }) {
  const [given, setGiven] = useState(NONE);
  const field = (name: keyof typeof NONE) => ({
    value: given[name],
    onChange: (event: { target: { value: string } }) => setGiven({ ...given, [name]: event.target.value }),
    autoComplete: "off",
    required: true,
  });
  const { username, password } = given;
  const registry = given.registry.trim();

  return (
    <Kept
      title="Registries of this workspace"
      about="Who pulls private images, also those that a Dockerfile begins with. Passwords are kept encrypted, not shown again, and told to their registry alone."
      path={`/workspace/${workspaceId}/registries`}
      shown={(row: { registry: string; username: string }) => ({ name: row.registry, besides: row.username })}
      name={registry}
      body={{ username, password }}
      ready={!!(registry && username && password)}
      onDone={() => setGiven(NONE)}
      onClose={onClose}
    >
      <Field label="Registry" placeholder="docker.io" {...field("registry")} autoFocus />
      <div className="pair">
        <Field label="User" {...field("username")} />
        <Field label="Password" type="password" {...field("password")} />
      </div>
    </Kept>
  );
}
