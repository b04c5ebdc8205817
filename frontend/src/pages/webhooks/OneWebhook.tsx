// One webhook: its state, what was sent to it and what it answered, its secret.
import { useState } from "react";
import { call, type Organization, post, type Refused } from "../../api";
import { Button, Dialog, Field, Notice } from "../../parts/controls";
import { Link } from "../../parts/Link";
import { Sure } from "../../parts/Sure";
import { When } from "../../parts/words";
import { go } from "../../router";
import { inFull, plural } from "../../source/words";
import { PageHead } from "../Frame";
import { useLoad, usePages, useUntil } from "../load";
import { pathOf } from "../places";
import { EventsField } from "./EventsField";
import { Payload } from "./Payload";
import { Once, STATUS } from "./Sent";
import type { Delivery, DeliveryDetail, Secret, Webhook } from "./types";

export function OneWebhook({ organization, id }: { organization: Organization; id: string }) {
  const at = `/organizations/${organization.id}/webhooks/${id}`;
  const home = pathOf(organization, "webhooks", "out");
  const {
    data: webhook,
    failure,
    load,
  } = useLoad<Webhook>(at, /webhook\./, (fact) => fact.data.webhook_id === id && fact.data.how === "removed");
  const [only, setOnly] = useState("");
  const deliveries = usePages<Delivery>(`${at}/deliveries?state=${only}`, /webhook\.(?!changed)/);
  // Deliveries are no facts: they would be sent in turn.
  const pending = deliveries.rows?.filter((row) => row.state === "pending");
  useUntil(pending?.map((row) => `${row.id} ${row.tries} ${row.next_attempt_at}`).join() ?? "", async () => {
    await deliveries.load();
    await load();
  });
  const [wrong, setWrong] = useState("");
  const [asked, setAsked] = useState<"edit" | "rotate" | "delete" | null>(null);
  const [secret, setSecret] = useState<Secret | null>(null);
  const fail = (error: Refused) => setWrong(error.message);

  /** Sends a ping, or a delivery once more, and shows what becomes of it. */
  const send = (sent?: Delivery) => {
    setWrong("");
    const shown = () => (only ? setOnly("") : deliveries.load());
    return post<Delivery>(`${at}${sent ? `/deliveries/${sent.id}/redeliver` : "/ping"}`).then(shown, fail);
  };
  const change = (fields: Partial<Webhook>) => call("PUT", at, fields).then(load, fail);

  if (!webhook)
    return (
      <>
        <Link to={home}>← All webhooks</Link>
        <Notice text={failure} />
      </>
    );
  return (
    <>
      <Link to={home}>← All webhooks</Link>
      <PageHead title={webhook.url} lead={webhook.description}>
        <Button kind="main" onClick={() => void send()} disabled={!webhook.enabled}>
          Send a ping
        </Button>
        <Button onClick={() => setAsked("edit")}>Edit</Button>
        <Button onClick={() => setAsked("rotate")}>New secret</Button>
        <Button onClick={() => void change({ enabled: !webhook.enabled })}>
          {webhook.enabled ? "Disable" : "Enable"}
        </Button>
        <Button kind="quiet" onClick={() => setAsked("delete")}>
          Delete
        </Button>
      </PageHead>
      <p className="soft">
        {STATUS[webhook.status]} · {webhook.events.length ? webhook.events.join(", ") : "All events"}
      </p>
      {webhook.status === "failing" && (
        <Notice
          text={`It has failed since ${webhook.failing_since ? inFull(webhook.failing_since) : "a while ago"}: ${webhook.last_error}.${webhook.paused_until ? ` The next attempt is at ${inFull(webhook.paused_until)}.` : ""}`}
        >
          <Button onClick={() => void change({ enabled: true })}>Try now</Button>
        </Notice>
      )}
      {webhook.status === "disabled" && (
        <Notice
          text={`Nothing is sent. ${webhook.last_error ? `It was disabled because of: ${webhook.last_error}. Mend the receiver, then enable it.` : ""}`}
        >
          <Button onClick={() => void change({ enabled: true })}>Enable again</Button>
        </Notice>
      )}
      <Notice text={wrong || failure || deliveries.failure} />
      <div className="row page-part">
        <h2 className="grow">Deliveries of the last 30 days</h2>
        <select aria-label="Deliveries shown" value={only} onChange={(event) => setOnly(event.target.value)}>
          <option value="">All</option>
          <option value="delivered">Delivered</option>
          <option value="pending">Pending</option>
          <option value="failed">Failed</option>
        </select>
        <Button onClick={() => void deliveries.load()}>Refresh</Button>
      </div>
      {deliveries.rows?.length === 0 && (
        <p className="soft empty">Nothing was sent yet. A ping tries whether it arrives.</p>
      )}
      <ul className="lines deliveries" aria-label="Deliveries" aria-busy={!deliveries.rows}>
        {deliveries.rows?.map((row) => (
          <li key={row.id}>
            <One row={row} at={at} onAgain={() => void send(row)} />
          </li>
        ))}
      </ul>
      {deliveries.older && <Button onClick={() => void deliveries.older?.()}>Older</Button>}
      {asked === "edit" && (
        <Edit organization={organization} webhook={webhook} at={at} onClose={() => setAsked(null)} onDone={load} />
      )}
      {asked === "rotate" && (
        <Sure
          title="A new secret?"
          verb="Make a new secret"
          kind="main"
          act={() =>
            post<Secret>(`${at}/rotate-secret`).then((made) => {
              setAsked(null);
              setSecret(made);
            })
          }
          onClose={() => setAsked(null)}
        >
          For 24 hours each delivery is signed by the new one and by the one that is now: change it there meanwhile.
        </Sure>
      )}
      {secret && (
        <Once
          title="The new secret"
          secret={secret.secret}
          note={
            secret.previous_until
              ? `Two secrets are valid now: the one before signs too, until ${inFull(secret.previous_until)}.`
              : undefined
          }
          onClose={() => setSecret(null)}
        />
      )}
      {asked === "delete" && (
        <Sure
          title="Delete this webhook?"
          verb="Delete"
          act={() => call("DELETE", at).then(() => go(home))}
          onClose={() => setAsked(null)}
        >
          With everything that was and is to be delivered to {webhook.url}.
        </Sure>
      )}
    </>
  );
}

function One({ row, at, onAgain }: { row: Delivery; at: string; onAgain: () => void }) {
  const [open, setOpen] = useState(false);
  const detail = useLoad<DeliveryDetail>(
    open ? `${at}/deliveries/${row.id}?of=${row.finished_at ?? row.next_attempt_at}` : null,
  );
  const words = row.state === "pending" && row.next_attempt_at ? "pending" : row.state;
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <code>{row.event}</code> <span className={row.state === "delivered" ? "good" : "warn"}>{words}</span>{" "}
        {row.status !== null && <span className="soft">{row.status}</span>}{" "}
        <span className="soft">
          {plural(row.tries, "attempt")} · <When at={row.created_at} />
        </span>
        {row.error && <small className="warn">{row.error}</small>}
      </summary>
      <Notice text={detail.failure} />
      <Button onClick={onAgain}>Send again</Button>
      {detail.data && <Payload title="Body" text={detail.data.body} />}
      {detail.data?.attempts.map((attempt) => (
        <section key={attempt.created_at} aria-label="Attempt">
          <h2>
            {inFull(attempt.created_at)}: {attempt.status ?? attempt.error}, {attempt.milliseconds} ms
          </h2>
          <Payload title="Request headers" text={headers(attempt.headers)} />
          <Payload
            title="Answer"
            text={[headers(attempt.answer_headers), attempt.answer].filter(Boolean).join("\n\n")}
          />
        </section>
      ))}
    </details>
  );
}

const headers = (of: Record<string, unknown>) =>
  Object.entries(of)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");

function Edit({
  organization,
  webhook,
  at,
  onClose,
  onDone,
}: {
  organization: Organization;
  webhook: Webhook;
  at: string;
  onClose: () => void;
  onDone: () => Promise<void>;
}) {
  const [url, setUrl] = useState(webhook.url);
  const [description, setDescription] = useState(webhook.description);
  const [events, setEvents] = useState(webhook.events);
  const [failure, setFailure] = useState("");
  const save = () =>
    call("PUT", at, { url, description, events }).then(
      () => {
        onClose();
        void onDone();
      },
      (error: Refused) => setFailure(error.message),
    );
  return (
    <Dialog title="Edit webhook" wide onClose={onClose} onSubmit={save}>
      <Field label="Address" type="url" required value={url} onChange={(event) => setUrl(event.target.value)} />
      <Field
        label="Description"
        maxLength={200}
        value={description}
        onChange={(event) => setDescription(event.target.value)}
      />
      <EventsField organization={organization} value={events} onChange={setEvents} />
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main">
          Save
        </Button>
      </div>
    </Dialog>
  );
}
