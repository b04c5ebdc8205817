// The audit log: who did what, from where; narrowed, checked, taken along as CSV.
import { useState } from "react";
import { get, type Refused } from "../api";
import { Button, Notice } from "../parts/controls";
import { inFull, plural } from "../source/words";
import { device } from "./account/SignIns";
import { PageHead } from "./Frame";
import { useLoad, usePages } from "./load";
import type { PageProps } from "./places";

type Entry = {
  number: number;
  at: string;
  action: string;
  actor_id: string | null;
  actor_name: string;
  by_key: boolean;
  address: string;
  data: Record<string, unknown>;
};
type Doer = { id: string; name: string; by_key: boolean };
type Verified = { intact: boolean; entries: number; broken_at: number | null; head: string };
type Only = { action: string; actor_id: string; since: string; until: string };

const ALL: Only = { action: "", actor_id: "", since: "", until: "" };
const DAY = 86_400_000;

/** The query of a list: days as the reader's own, whole ones. */
function queryOf(only: Only): URLSearchParams {
  const words = new URLSearchParams();
  if (only.action) words.set("action", only.action);
  if (only.actor_id) words.set("actor_id", only.actor_id);
  const start = (day: string) => new Date(`${day}T00:00:00`).getTime();
  if (only.since) words.set("since", new Date(start(only.since)).toISOString());
  if (only.until) words.set("until", new Date(start(only.until) + DAY).toISOString());
  return words;
}

export default function Audit({ organization }: PageProps) {
  const at = `/organizations/${organization.id}/audit`;
  const [only, setOnly] = useState(ALL);
  const query = queryOf(only).toString();
  const { rows, failure, load, older } = usePages<Entry>(`${at}?${query}`);
  return (
    <>
      <PageHead title="Audit log" lead="What matters, for good: nobody can change or remove an entry unseen.">
        <Button onClick={load}>Refresh</Button>
        <a className="button" href={`/api/v1${at}/csv?${query}`} download="audit.csv">
          CSV
        </a>
      </PageHead>
      <Chain at={at} />
      <Filters at={at} only={only} onOnly={setOnly} />
      <Notice text={failure} />
      {rows?.length === 0 && <p className="soft empty">{query ? "No entry fits." : "Nothing has happened yet."}</p>}
      {rows && rows.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be scrolled by keys, too
        <section className="sideways" aria-label="Entries" tabIndex={0}>
          <table className="page-table page-log">
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">What</th>
                <th scope="col">Who</th>
                <th scope="col">From</th>
                <th scope="col">Details</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.number}>
                  <td>
                    <time dateTime={row.at} title={inFull(row.at)}>
                      {short.format(new Date(row.at))}
                    </time>
                  </td>
                  <td>{row.action}</td>
                  <td>
                    {row.actor_name || <span className="soft">the server</span>}
                    {row.by_key && <span className="soft"> (key)</span>}
                  </td>
                  <td>{row.address}</td>
                  <td>
                    <Details of={row.data} by={row.actor_name} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {older && (
        <p className="below">
          <Button onClick={() => void older()}>Older entries</Button>
        </p>
      )}
    </>
  );
}

const short = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });

/** In words; ids and the whole name of a browser are what one gets by pointing at it, and in the CSV. */
function Details({ of, by }: { of: Record<string, unknown>; by: string }) {
  const all = Object.entries(of).filter(([, value]) => value !== null && value !== "");
  const put = ([name, value]: [string, unknown]) =>
    `${name.replace(/_/g, " ")} ${typeof value === "object" ? JSON.stringify(value) : value}`;
  const said = all.filter(([name, value]) => !name.endsWith("_id") && !(name.endsWith("_name") && value === by));
  return (
    <span className="soft" title={all.map(put).join("\n")}>
      {said.map(([name, value]) => put([name, name === "browser" ? device(String(value)) : value])).join(" · ")}
    </span>
  );
}

function Filters({ at, only, onOnly }: { at: string; only: Only; onOnly: (only: Only) => void }) {
  const { data: actions } = useLoad<string[]>(`${at}/actions`);
  const { data: doers } = useLoad<Doer[]>(`${at}/actors`);
  const day = (name: "since" | "until", label: string) => (
    <label>
      {label}
      <input type="date" value={only[name]} onChange={(event) => onOnly({ ...only, [name]: event.target.value })} />
    </label>
  );
  return (
    <search className="page-filters">
      <label>
        What
        <select value={only.action} onChange={(event) => onOnly({ ...only, action: event.target.value })}>
          <option value="">Everything</option>
          {actions?.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      </label>
      <label>
        Who
        <select value={only.actor_id} onChange={(event) => onOnly({ ...only, actor_id: event.target.value })}>
          <option value="">Everybody</option>
          {doers?.map((one) => (
            <option key={one.id} value={one.id}>
              {one.by_key ? `${one.name} (key)` : one.name}
            </option>
          ))}
        </select>
      </label>
      {day("since", "From")}
      {day("until", "To")}
      {only !== ALL && (
        <Button kind="quiet" onClick={() => onOnly(ALL)}>
          Clear
        </Button>
      )}
    </search>
  );
}

function Chain({ at }: { at: string }) {
  const [found, setFound] = useState<Verified | null>(null);
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const check = () => {
    setBusy(true);
    setFailure("");
    get<Verified>(`${at}/verify`)
      .then(setFound, (error: Refused) => setFailure(error.message))
      .then(() => setBusy(false));
  };
  return (
    <>
      <Notice text={failure} />
      {found && (
        <Notice
          kind={found.intact ? "info" : "error"}
          text={
            found.intact
              ? `Whole: ${plural(found.entries, "entry", "entries")}, each fits the one before. Keep the last hash elsewhere to know tomorrow that none is missing: ${found.head}`
              : `Broken at entry ${found.broken_at}: it was changed or is missing.`
          }
        />
      )}
      <Button kind="quiet" onClick={check} disabled={busy}>
        {busy ? "Checking…" : "Check the chain of hashes"}
      </Button>
    </>
  );
}
