// Where providers report what happens at theirs: one receiver for each provider and workspace.
import { useState } from "react";
import { type Organization, type Page, post, type Refused, type Workspace } from "../../api";
import { Button, Dialog, Field, Notice } from "../../parts/controls";
import { Link } from "../../parts/Link";
import { When } from "../../parts/words";
import { go } from "../../router";
import { useLoad } from "../load";
import { atLeast, pathOf } from "../places";
import { Once } from "./Sent";
import { PROVIDER_WORDS, PROVIDERS, type Provider, type Receiver } from "./types";

export function Receivers({ organization }: { organization: Organization }) {
  const { data, failure } = useLoad<Page<Receiver>>("/webhook-integrations?limit=200", /webhook\./);
  const workspaces = useLoad<Page<Workspace>>("/workspace?limit=200", /workspace\./).data?.items.filter(
    (row) => row.organization_id === organization.id,
  );
  const [making, setMaking] = useState(false);
  const rows = data?.items.filter((row) => row.organization_id === organization.id);
  return (
    <>
      <div className="row">
        <p className="lead grow">
          What happens at GitHub, GitLab, Bitbucket, Linear and Sentry comes in here, and rules make tasks of it.
        </p>
        {atLeast(organization.role, "member") && (
          <Button kind="main" onClick={() => setMaking(true)} disabled={!workspaces?.length}>
            New receiver
          </Button>
        )}
      </div>
      <Notice text={failure} />
      {rows?.length === 0 && (
        <p className="soft empty">Nothing is received yet. A receiver has an address to enter at the provider.</p>
      )}
      <ul className="lines" aria-label="Receivers" aria-busy={!data}>
        {rows?.map((row) => (
          <li key={row.id}>
            <span className="line-name">
              <Link to={pathOf(organization, "webhooks", "in", row.id)}>
                <strong>{row.name}</strong>
              </Link>
              <small className="soft">
                {PROVIDER_WORDS[row.provider]} to {workspaces?.find((one) => one.id === row.workspace_id)?.name ?? "…"}
              </small>
            </span>
            <span className={row.enabled ? "line-fact" : "warn"}>{row.enabled ? "Receives" : "Disabled"}</span>
            <span className="line-fact">
              <When at={row.created_at} />
            </span>
          </li>
        ))}
      </ul>
      {making && workspaces && (
        <NewReceiver organization={organization} workspaces={workspaces} onClose={() => setMaking(false)} />
      )}
    </>
  );
}

function NewReceiver({
  organization,
  workspaces,
  onClose,
}: {
  organization: Organization;
  workspaces: Workspace[];
  onClose: () => void;
}) {
  const [provider, setProvider] = useState<Provider>("github");
  const [workspace, setWorkspace] = useState(workspaces[0]?.id ?? "");
  const [name, setName] = useState("");
  const [secret, setSecret] = useState("");
  const [failure, setFailure] = useState("");
  const [made, setMade] = useState<(Receiver & { secret: string }) | null>(null);
  if (made)
    return (
      <Once
        title="The receiver is there"
        address={location.origin + made.path}
        secret={made.secret}
        onClose={() => go(pathOf(organization, "webhooks", "in", made.id))}
      />
    );
  const create = () =>
    post<Receiver & { secret: string }>("/webhook-integrations", {
      workspace_id: workspace,
      provider,
      name: name.trim() || null,
      secret: secret || null,
    }).then(setMade, (error: Refused) => setFailure(error.message));
  const theirs = provider === "linear" || provider === "sentry";
  return (
    <Dialog title="New receiver" onClose={onClose} onSubmit={create}>
      <label className="field">
        Provider
        <select value={provider} onChange={(event) => setProvider(event.target.value as Provider)}>
          {PROVIDERS.map((one) => (
            <option key={one} value={one}>
              {PROVIDER_WORDS[one]}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        Workspace
        <select value={workspace} onChange={(event) => setWorkspace(event.target.value)}>
          {workspaces.map((row) => (
            <option key={row.id} value={row.id}>
              {row.name}
            </option>
          ))}
        </select>
      </label>
      <Field
        label="Name (optional)"
        maxLength={200}
        value={name}
        onChange={(event) => setName(event.target.value)}
        placeholder={PROVIDER_WORDS[provider]}
      />
      <Field
        label="Secret (optional)"
        type="password"
        autoComplete="off"
        minLength={8}
        maxLength={200}
        value={secret}
        onChange={(event) => setSecret(event.target.value)}
        hint={
          theirs
            ? `${PROVIDER_WORDS[provider]} makes the secret itself: enter it here, or later under “New secret”.`
            : "One is made for you where it is left out."
        }
      />
      <p className="soft">Without other rules, new issues become tasks of the workspace.</p>
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main">
          Create
        </Button>
      </div>
    </Dialog>
  );
}
