// The workspace's variables, for which compose files ask as ${NAME}: kept encrypted, only ever written.
import { useState } from "react";
import { Field } from "../parts/controls";
import { Kept } from "./Kept";

const NONE = { name: "", value: "" };

export function Variables({ workspaceId, onClose }: { workspaceId: string; onClose: () => void }) {
  const [{ name, value }, setGiven] = useState(NONE);
  return (
    <Kept
      title="Variables of this workspace"
      about={
        <>
          A compose file asks for them as <code>$&#123;NAME&#125;</code>. They are kept encrypted and not shown again; a
          restart brings a change into effect.
        </>
      }
      path={`/workspace/${workspaceId}/variables`}
      shown={(row: { name: string }) => ({ name: row.name, besides: "••••••••" })}
      name={name}
      body={{ value }}
      ready={!!name}
      onDone={() => setGiven(NONE)}
      onClose={onClose}
    >
      <div className="pair">
        <Field
          label="Name"
          value={name}
          pattern="[A-Za-z_][A-Za-z0-9_]*"
          onChange={(event) => setGiven({ name: event.target.value, value })}
          required
          autoFocus
        />
        <Field
          label="Value"
          type="password"
          autoComplete="off"
          value={value}
          onChange={(event) => setGiven({ name, value: event.target.value })}
        />
      </div>
    </Kept>
  );
}
