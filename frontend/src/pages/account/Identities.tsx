// Providers that one signs in with: linking and unlinking.
import { useState } from "react";
import { call, type Page, post, type Refused } from "../../api";
import { Button, Notice } from "../../parts/controls";
import { When } from "../../parts/words";
import { wordsOf } from "../enter/words";
import { useLoad } from "../load";

type Provider = { name: string; label: string };
type Identity = { id: string; provider: string; email: string; created_at: string };

export function Identities() {
  const providers = useLoad<Page<Provider>>("/auth/providers");
  const { data, failure, load } = useLoad<Page<Identity>>("/account/identities");
  const [refused, setRefused] = useState(wordsOf(new URLSearchParams(location.search).get("error") ?? ""));
  if (!data || (data.items.length === 0 && !providers.data?.items.length)) return <Notice text={failure || refused} />;
  const labelOf = (name: string) => providers.data?.items.find((one) => one.name === name)?.label ?? name;
  const link = (name: string) =>
    post<{ url: string }>(`/account/identities/${name}/start`).then(
      ({ url }) => location.assign(url),
      (error: Refused) => setRefused(error.message),
    );
  const unlink = (row: Identity) =>
    call("DELETE", `/account/identities/${row.id}`)
      .then(() => setRefused(""))
      .catch((error: Refused) => setRefused(error.message))
      .then(load);
  return (
    <section className="page-part">
      <h2>Linked providers</h2>
      <p className="soft">Whoever is signed in there gets in here.</p>
      <Notice text={refused || failure} />
      <ul className="lines" aria-label="Linked providers">
        {data.items.map((row) => (
          <li key={row.id}>
            <span className="line-name">
              <strong>{labelOf(row.provider)}</strong>
              <small className="soft">
                {row.email || "no address"} · linked <When at={row.created_at} />
              </small>
            </span>
            <Button aria-label={`Unlink ${labelOf(row.provider)}`} onClick={() => unlink(row)}>
              Unlink
            </Button>
          </li>
        ))}
        {providers.data?.items
          .filter((one) => !data.items.some((row) => row.provider === one.name))
          .map((one) => (
            <li key={one.name}>
              <span className="line-name">{one.label}</span>
              <Button aria-label={`Link ${one.label}`} onClick={() => link(one.name)}>
                Link
              </Button>
            </li>
          ))}
      </ul>
    </section>
  );
}
