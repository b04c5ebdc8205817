// The webhooks of an organisation: where facts are sent.
import { useState } from "react";
import { type Organization, type Page, post, type Refused, type Workspace } from "../../api";
import { Button, Dialog, Field, Notice } from "../../parts/controls";
import { Link } from "../../parts/Link";
import { Copied, When } from "../../parts/words";
import { go } from "../../router";
import { useLoad } from "../load";
import { pathOf } from "../places";
import { EventsField } from "./EventsField";
import type { Webhook } from "./types";

export const STATUS = { ok: "Works", failing: "Fails", disabled: "Disabled" };

export function Sent({ organization }: { organization: Organization }) {
  const at = `/organizations/${organization.id}/webhooks`;
  const { data, failure } = useLoad<Page<Webhook>>(at, /webhook\./);
  const [making, setMaking] = useState(false);
  return (
    <>
      <div className="row">
        <p className="lead grow">
          What happens here is POSTed to your own servers, signed as Standard Webhooks has it, and tried again for a
          day.
        </p>
        <Button kind="main" onClick={() => setMaking(true)}>
          New webhook
        </Button>
      </div>
      <Notice text={failure} />
      {data?.items.length === 0 && <p className="soft empty">Nothing is sent anywhere yet.</p>}
      <ul className="lines" aria-label="Webhooks" aria-busy={!data}>
        {data?.items.map((row) => (
          <li key={row.id}>
            <span className="line-name">
              <Link to={pathOf(organization, "webhooks", "out", row.id)}>
                <strong>{row.url}</strong>
              </Link>
              <small className="soft">
                {row.description ? `${row.description} · ` : ""}
                {row.events.length ? row.events.join(", ") : "All events"}
              </small>
              {row.status !== "ok" && row.last_error && <small className="warn">{row.last_error}</small>}
            </span>
            <span className={row.status === "ok" ? "line-fact" : "warn"}>{STATUS[row.status]}</span>
            <span className="line-fact">
              <When at={row.created_at} />
            </span>
          </li>
        ))}
      </ul>
      {making && <NewWebhook organization={organization} onClose={() => setMaking(false)} />}
    </>
  );
}

function NewWebhook({ organization, onClose }: { organization: Organization; onClose: () => void }) {
  const workspaces = useLoad<Page<Workspace>>("/workspace?limit=200").data?.items.filter(
    (row) => row.organization_id === organization.id,
  );
  const [url, setUrl] = useState("");
  const [description, setDescription] = useState("");
  const [workspace, setWorkspace] = useState("");
  const [events, setEvents] = useState<string[]>([]);
  const [failure, setFailure] = useState("");
  const [made, setMade] = useState<(Webhook & { secret: string }) | null>(null);
  if (made)
    return (
      <Once
        title="The webhook is there"
        secret={made.secret}
        onClose={() => go(pathOf(organization, "webhooks", "out", made.id))}
      />
    );
  const create = () =>
    post<Webhook & { secret: string }>(`/organizations/${organization.id}/webhooks`, {
      url,
      description,
      events,
      workspace_id: workspace || null,
    }).then(setMade, (error: Refused) => setFailure(error.message));
  return (
    <Dialog title="New webhook" wide onClose={onClose} onSubmit={create}>
      <Field
        label="Address"
        type="url"
        required
        autoFocus
        placeholder="https://example.com/hook"
        value={url}
        onChange={(event) => setUrl(event.target.value)}
      />
      <Field
        label="Description (optional)"
        maxLength={200}
        value={description}
        onChange={(event) => setDescription(event.target.value)}
      />
      <label className="field">
        Of
        <select value={workspace} onChange={(event) => setWorkspace(event.target.value)}>
          <option value="">The whole organisation</option>
          {workspaces?.map((row) => (
            <option key={row.id} value={row.id}>
              {row.name}
            </option>
          ))}
        </select>
      </label>
      <EventsField organization={organization} value={events} onChange={setEvents} />
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

/** A secret, this once. */
export function Once({
  title,
  secret,
  address,
  note,
  onClose,
}: {
  title: string;
  secret: string;
  address?: string;
  note?: string;
  onClose: () => void;
}) {
  return (
    <Dialog title={title} onClose={onClose} onSubmit={onClose}>
      {address && (
        <>
          <p>Enter this address at the provider, content type application/json:</p>
          <Copied label="Address" text={address} />
        </>
      )}
      <p>
        {address ? "And this secret, which" : "Its secret, by which you tell that a delivery is ours,"} is shown this
        once:
      </p>
      <Copied label="Secret" text={secret} />
      {note && <p className="soft">{note}</p>}
      <div className="row end">
        <Button type="submit" kind="main">
          Done
        </Button>
      </div>
    </Dialog>
  );
}
