// API keys: what programs sign in with.
import { type FormEvent, useState } from "react";
import { call, type Organization, type Page, post, type Refused } from "../api";
import { Button, Dialog, Field, Notice } from "../parts/controls";
import { Sure } from "../parts/Sure";
import { Copied, When } from "../parts/words";
import { PageHead } from "./Frame";
import { useLoad } from "./load";
import type { Roles } from "./people/types";
import type { PageProps } from "./places";

type Key = {
  id: string;
  name: string;
  prefix: string;
  scopes: string[];
  expires_at: string | null;
  created_at: string;
  last_used_at: string | null;
  last_used_address: string | null;
  requests_per_minute: number | null;
};
type NewKey = Key & { key: string };

export default function Keys({ organization }: PageProps) {
  const at = `/organizations/${organization.id}/api-keys`;
  const { data, failure, load } = useLoad<Page<Key>>(at, /key\.changed/);
  const [asked, setAsked] = useState<Key | "new" | "all" | null>(null);
  const [made, setMade] = useState<NewKey | null>(null);
  const close = () => {
    setAsked(null);
    void load();
  };
  return (
    <>
      <PageHead
        title="API keys"
        lead={
          <>
            Programs and pipelines call the{" "}
            <a className="link" href="/api/docs">
              API
            </a>{" "}
            with them. A key belongs to the organisation and stays when its maker leaves.
          </>
        }
      >
        {data && data.items.length > 1 && <Button onClick={() => setAsked("all")}>Revoke all</Button>}
        <Button kind="main" onClick={() => setAsked("new")}>
          New key
        </Button>
      </PageHead>
      <Notice text={failure} />
      {data?.items.length === 0 && <p className="soft empty">There is none yet.</p>}
      <ul className="lines" aria-label="API keys" aria-busy={!data}>
        {data?.items.map((key) => {
          const over = key.expires_at !== null && new Date(key.expires_at).getTime() < Date.now();
          return (
            <li key={key.id}>
              <span className="line-name">
                <strong>{key.name}</strong> <code>{key.prefix}…</code>
                <small className="soft">
                  last used <When at={key.last_used_at} />
                  {key.last_used_address && ` from ${key.last_used_address}`} ·{" "}
                  <span className={over ? "warn" : ""}>
                    {over ? "expired" : key.expires_at ? "until" : "does not expire"}{" "}
                    {key.expires_at && <When at={key.expires_at} />}
                  </span>
                  {key.requests_per_minute && ` · ${key.requests_per_minute.toLocaleString()} calls a minute at most`}
                </small>
                <small className="soft">{key.scopes.join(" · ")}</small>
              </span>
              <Button aria-label={`Revoke ${key.name}`} onClick={() => setAsked(key)}>
                Revoke
              </Button>
            </li>
          );
        })}
      </ul>
      {asked === "new" && (
        <Make
          at={at}
          organization={organization}
          onClose={close}
          onMade={(key) => {
            close();
            setMade(key);
          }}
        />
      )}
      {asked === "all" && (
        <Sure title="Revoke all keys?" verb="Revoke all" act={() => call("DELETE", at).then(close)} onClose={close}>
          Every program that signs in with a key of this organisation stops working at once, its open connections too.
        </Sure>
      )}
      {asked && asked !== "all" && asked !== "new" && (
        <Sure
          title={`Revoke ${asked.name}?`}
          verb="Revoke"
          act={() => call("DELETE", `${at}/${asked.id}`).then(close)}
          onClose={close}
        >
          Whatever uses it stops working at once, its open connections too.
        </Sure>
      )}
      {made && (
        <Dialog title={`The key ${made.name}`} onClose={() => setMade(null)} onSubmit={() => setMade(null)}>
          <p>Copy it now: it is shown this once, and cannot be read again.</p>
          <Copied label="API key" text={made.key} />
          <p>For example:</p>
          <Copied
            label="Example"
            text={`curl -H "Authorization: Bearer ${made.key}" ${location.origin}/api/v1/${made.scopes.some((one) => one.startsWith("workspaces:")) ? "workspace" : "organizations"}`}
          />
          <div className="row end">
            <Button type="submit" kind="main">
              I have it
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

const LASTS = ["1 day", "1 month", "1 year", "never"];

function Make({
  at,
  organization,
  onClose,
  onMade,
}: {
  at: string;
  organization: Organization;
  onClose: () => void;
  onMade: (key: NewKey) => void;
}) {
  const { data: roles } = useLoad<Roles>("/roles");
  const [chosen, setChosen] = useState<string[]>(["workspaces:read"]);
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const mine = roles?.roles.find((row) => row.role === organization.role)?.scopes ?? [];
  const send = (form: HTMLFormElement) => {
    const values = new FormData(form);
    setBusy(true);
    post<NewKey>(at, {
      name: values.get("name"),
      scopes: chosen,
      expires_in: values.get("lasts"),
      requests_per_minute: Number(values.get("limit")) || null,
    }).then(onMade, (error: Refused) => {
      setBusy(false);
      setFailure(error.message);
    });
  };
  const mark = (scope: string) => (event: FormEvent<HTMLInputElement>) =>
    setChosen(event.currentTarget.checked ? [...chosen, scope] : chosen.filter((one) => one !== scope));
  return (
    <Dialog title="New API key" onClose={onClose} onSubmit={send}>
      <Field label="Name" name="name" placeholder="what it is for" maxLength={200} required autoFocus />
      <div className="row wrap">
        <label className="field grow">
          Works for
          <select name="lasts" defaultValue="1 year">
            {LASTS.map((one) => (
              <option key={one} value={one}>
                {one === "never" ? "ever, until it is revoked" : one}
              </option>
            ))}
          </select>
        </label>
        <Field label="Calls a minute at most" name="limit" type="number" min={1} max={100_000} placeholder="no limit" />
      </div>
      <fieldset>
        <legend>May</legend>
        <ul className="checks">
          {Object.entries(roles?.scopes ?? {})
            .filter(([scope]) => mine.includes(scope))
            .map(([scope, words]) => (
              <li key={scope}>
                <label>
                  <input type="checkbox" checked={chosen.includes(scope)} onChange={mark(scope)} />
                  <span>
                    {words}
                    <small className="soft">
                      <code>{scope}</code>
                    </small>
                  </span>
                </label>
              </li>
            ))}
        </ul>
      </fieldset>
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main" disabled={busy || chosen.length === 0}>
          Create
        </Button>
      </div>
    </Dialog>
  );
}
