// One receiver: its address, its rules, what came in and what came of it.
import { useState } from "react";
import { call, type Organization, post, type Refused } from "../../api";
import { Button, Dialog, Field, Notice } from "../../parts/controls";
import { Link } from "../../parts/Link";
import { Sure } from "../../parts/Sure";
import { Copied, When } from "../../parts/words";
import { go } from "../../router";
import { PageHead } from "../Frame";
import { useLoad, usePages, useUntil } from "../load";
import { pathOf } from "../places";
import { Payload } from "./Payload";
import { Rules } from "./Rules";
import { PROVIDER_WORDS, type Received, type ReceivedDetail, type Receiver } from "./types";

const STATES = { received: "waits", done: "became a task", ignored: "ignored", failed: "failed" };

export function OneReceiver({ organization, id }: { organization: Organization; id: string }) {
  const at = `/webhook-integrations/${id}`;
  const home = pathOf(organization, "webhooks", "in");
  const { data: receiver, failure, load } = useLoad<Receiver>(at);
  const mine = useLoad<{ scopes: string[] }>(receiver && `/workspace/${receiver.workspace_id}/access/mine`, /access/);
  const deliveries = usePages<Received>(`${at}/deliveries`, /webhook\.received/);
  const waiting = deliveries.rows?.filter((row) => row.state === "received").map((row) => row.id);
  useUntil(waiting?.join() ?? "", deliveries.load); // only what becomes a task is told
  const [wrong, setWrong] = useState("");
  const [asked, setAsked] = useState<"secret" | "delete" | null>(null);
  const [secret, setSecret] = useState("");
  const writes = mine.data?.scopes.includes("workspaces:write") ?? false;
  const fail = (error: Refused) => setWrong(error.message);
  const change = async (fields: Record<string, unknown>) => {
    setWrong("");
    try {
      await call("PUT", at, fields);
      await load();
      return true;
    } catch (error) {
      fail(error as Refused);
      return false;
    }
  };
  const replay = (one: Received) => {
    setWrong("");
    return post(`${at}/deliveries/${one.id}/replay`).then(deliveries.load, fail);
  };
  if (!receiver)
    return (
      <>
        <Link to={home}>← All receivers</Link>
        <Notice text={failure} />
      </>
    );
  return (
    <>
      <Link to={home}>← All receivers</Link>
      <PageHead title={receiver.name} lead={`Receives what ${PROVIDER_WORDS[receiver.provider]} reports.`}>
        {writes && (
          <>
            <Button onClick={() => setAsked("secret")}>New secret</Button>
            <Button onClick={() => void change({ enabled: !receiver.enabled })}>
              {receiver.enabled ? "Disable" : "Enable"}
            </Button>
            <Button kind="quiet" onClick={() => setAsked("delete")}>
              Delete
            </Button>
          </>
        )}
      </PageHead>
      {!receiver.enabled && <Notice kind="info" text="Disabled: its address answers 404, and nothing is kept." />}
      <Notice text={wrong || failure} />
      <p>Enter this address at the provider, content type application/json:</p>
      <Copied label="Address" text={location.origin + receiver.path} />
      <Rules
        key={JSON.stringify(receiver.rules)}
        receiver={receiver}
        writes={writes}
        onSave={(rules) => change({ rules })}
      />
      <div className="row page-part">
        <h2 className="grow">Deliveries of the last 30 days</h2>
        <Button onClick={() => void deliveries.load()}>Refresh</Button>
      </div>
      <Notice text={deliveries.failure} />
      {deliveries.rows?.length === 0 && (
        <p className="soft empty">Nothing came yet. Most providers can send a test delivery.</p>
      )}
      <ul className="lines deliveries" aria-label="Deliveries" aria-busy={!deliveries.rows}>
        {deliveries.rows?.map((row) => (
          <li key={row.id}>
            <One row={row} at={at} onReplay={writes ? () => void replay(row) : undefined} />
          </li>
        ))}
      </ul>
      {deliveries.older && <Button onClick={() => void deliveries.older?.()}>Older</Button>}
      {asked === "secret" && (
        <Dialog
          title="New secret"
          onClose={() => setAsked(null)}
          onSubmit={async () => {
            if (!(await change({ secret }))) return;
            setSecret("");
            setAsked(null);
          }}
        >
          <p>What the provider signs with from now on; the one before is not taken any more.</p>
          <Field
            label="Secret"
            type="password"
            autoComplete="off"
            required
            minLength={8}
            maxLength={200}
            autoFocus
            value={secret}
            onChange={(event) => setSecret(event.target.value)}
          />
          <Notice text={wrong} />
          <div className="row end">
            <Button onClick={() => setAsked(null)}>Cancel</Button>
            <Button type="submit" kind="main">
              Save
            </Button>
          </div>
        </Dialog>
      )}
      {asked === "delete" && (
        <Sure
          title={`Delete ${receiver.name}?`}
          verb="Delete"
          act={() => call("DELETE", at).then(() => go(home))}
          onClose={() => setAsked(null)}
        >
          With everything that it received. Its address answers 404 from then on; tasks that came of it stay.
        </Sure>
      )}
    </>
  );
}

function One({ row, at, onReplay }: { row: Received; at: string; onReplay?: () => void }) {
  const [open, setOpen] = useState(false);
  const detail = useLoad<ReceivedDetail>(open ? `${at}/deliveries/${row.id}` : null);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <code>{row.event || "unknown"}</code>{" "}
        <span className={row.state === "done" ? "good" : row.state === "failed" ? "warn" : "soft"}>
          {STATES[row.state]}
        </span>{" "}
        <span className="soft">
          <When at={row.received_at} />
        </span>
        {row.note && <small className="soft">{row.note}</small>}
      </summary>
      <Notice text={detail.failure} />
      {onReplay && <Button onClick={onReplay}>Replay</Button>}
      {detail.data && (
        <>
          <Payload
            title="Headers"
            text={Object.entries(detail.data.headers)
              .map(([name, value]) => `${name}: ${value}`)
              .join("\n")}
          />
          <Payload title="Body" text={detail.data.body} />
        </>
      )}
    </details>
  );
}
