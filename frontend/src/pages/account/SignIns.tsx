// The browsers that are signed in: from where, since when, and how to end them.
import { useState } from "react";
import { call, type Page, type Refused } from "../../api";
import { Button, Notice } from "../../parts/controls";
import { When } from "../../parts/words";
import { useLoad } from "../load";

type SignIn = {
  id: string;
  address: string;
  browser: string;
  created_at: string;
  last_used_at: string;
  current: boolean;
};

export function SignIns() {
  const { data, failure, load } = useLoad<Page<SignIn>>("/auth/sign-ins", /member\.signed_/);
  const [refused, setRefused] = useState("");
  const end = (row: SignIn) =>
    call("DELETE", `/auth/sign-ins/${row.id}`)
      .catch((error: Refused) => setRefused(error.message))
      .then(load);
  return (
    <section className="page-part">
      <h2>Signed-in browsers</h2>
      <Notice text={refused || failure} />
      <ul className="lines" aria-label="Signed-in browsers" aria-busy={!data}>
        {data?.items.map((row) => (
          <li key={row.id}>
            <span className="line-name">
              <strong title={row.browser}>{device(row.browser)}</strong>
              {row.current && <span className="soft"> (this one)</span>}
              <small className="soft">
                {row.address || "address unknown"} · since <When at={row.created_at} /> · last used{" "}
                <When at={row.last_used_at} />
              </small>
            </span>
            {!row.current && (
              <Button aria-label={`Sign out ${device(row.browser)}, ${row.address}`} onClick={() => end(row)}>
                Sign out
              </Button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** "Firefox on Linux" of a User-Agent; the agent itself where it is no browser's. */
export function device(agent: string): string {
  const browsers: [RegExp, string][] = [
    [/Edg\w*\//, "Edge"],
    [/OPR\//, "Opera"],
    [/Firefox\//, "Firefox"],
    [/Chrome\/|CriOS\//, "Chrome"],
    [/Safari\//, "Safari"],
  ];
  const systems: [RegExp, string][] = [
    [/Android/, "Android"],
    [/iPhone|iPad/, "iOS"],
    [/Windows/, "Windows"],
    [/Mac OS X/, "macOS"],
    [/CrOS/, "ChromeOS"],
    [/Linux/, "Linux"],
  ];
  const name = browsers.find(([sign]) => sign.test(agent))?.[1];
  const system = systems.find(([sign]) => sign.test(agent))?.[1];
  if (!name) return agent || "Unknown program";
  return system ? `${name} on ${system}` : name;
}
