// What happened in the organisation, or in one of its workspaces, in the last 30 days. /activity/{workspace}
import { useEffect, useRef, useState } from "react";
import { type Fact, get, type Page, type Refused, type Workspace } from "../../api";
import { follow } from "../../feed";
import { inTurn, soon } from "../../inTurn";
import { Button, Notice } from "../../parts/controls";
import { Link } from "../../parts/Link";
import { When } from "../../parts/words";
import { go } from "../../router";
import { PageHead } from "../Frame";
import { useLoad } from "../load";
import { type PageProps, pathOf } from "../places";
import "./notices.css";
import { linkOf, wordsOf } from "./words";

type Told = Fact & { created_at: string };

export default function Activity({ organization, rest: [wanted] }: PageProps) {
  const workspaces = useLoad<Page<Workspace>>("/workspace?limit=200", /workspace\./).data?.items.filter(
    (row) => row.organization_id === organization.id,
  );
  const workspace = workspaces?.find((row) => row.slug === wanted || row.id === wanted);
  const waits = wanted !== undefined && workspaces === undefined;
  const at = workspace ? `/workspace/${workspace.id}/activity` : `/organizations/${organization.id}/activity`;
  const { rows, more, failure, older } = useActivity(waits ? null : at);
  const shown = rows?.flatMap((fact) => {
    const words = wordsOf(fact);
    return words ? [{ fact, words }] : [];
  });
  return (
    <>
      <PageHead title="Activity" lead="What people, keys and the server did here in the last 30 days.">
        <select
          aria-label="Workspace"
          value={workspace?.slug ?? ""}
          onChange={(event) => go(pathOf(organization, "activity", event.target.value))}
        >
          <option value="">The whole organisation</option>
          {workspaces?.map((row) => (
            <option key={row.id} value={row.slug}>
              {row.name}
            </option>
          ))}
        </select>
      </PageHead>
      <Notice text={failure} />
      {shown?.length === 0 && !more && <p className="soft empty">Nothing has happened yet.</p>}
      <ul className="activity" aria-busy={rows === null}>
        {shown?.map(({ fact, words }) => {
          const place = linkOf(fact, organization);
          const name = workspaces?.find((row) => row.id === fact.workspace_id)?.name;
          return (
            <li key={fact.id}>
              <span>
                {place ? <Link to={place}>{words}</Link> : words}
                {name && !workspace && (
                  <span className="soft">
                    {words.endsWith("the workspace") ? " " : " in "}
                    {name}
                  </span>
                )}
              </span>
              <span className="soft">
                <When at={fact.created_at} />
              </span>
            </li>
          );
        })}
      </ul>
      {more && <Button onClick={older}>Older</Button>}
    </>
  );
}

/** Newest first; what is new comes on top as it happens. */
function useActivity(at: string | null) {
  const [rows, setRows] = useState<Told[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [failure, setFailure] = useState("");
  const wanted = useRef(at);
  wanted.current = at;
  const fetch = async (from: string) => {
    if (at === null) return;
    try {
      const page = await get<Page<Told>>(`${at}?limit=100${from && `&cursor=${encodeURIComponent(from)}`}`);
      if (wanted.current !== at) return;
      setFailure("");
      setRows((old) => {
        const there = new Set(page.items.map((fact) => fact.id));
        const others = (old ?? []).filter((fact) => !there.has(fact.id));
        return from ? [...others, ...page.items] : [...page.items, ...others];
      });
      setCursor((old) => (from || old === null ? page.next_cursor : old));
    } catch (error) {
      if (wanted.current === at) setFailure((error as Refused).message);
    }
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: `fetch` is of `at` alone
  useEffect(() => {
    setRows(null);
    setCursor(null);
    const newest = inTurn(() => fetch(""));
    void newest();
    const again = soon(300, newest);
    const leave = follow((fact) => {
      if (fact.name === "reset" || wordsOf(fact) !== null) again();
    });
    return () => {
      leave();
      again.end();
    };
  }, [at]);
  return { rows, more: cursor !== null, failure, older: () => void fetch(cursor ?? "") };
}
