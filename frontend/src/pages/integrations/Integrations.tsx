// Where one's repositories are: connections to GitHub, GitLab and Bitbucket by a click or a token, and imports from them.
import { useState } from "react";
import { call, type Page, post, type Refused } from "../../api";
import { Button, Dialog, Field, Notice } from "../../parts/controls";
import { Sure } from "../../parts/Sure";
import { When } from "../../parts/words";
import { wordsOf } from "../enter/words";
import { PageHead } from "../Frame";
import { useLoad } from "../load";
import { atLeast, type PageProps } from "../places";
import { Import } from "./Import";
import { type Connection, HOST_WORDS, HOSTS, type Host, nameOf } from "./types";
import { useConnections } from "./useConnections";

const HINTS: Record<Host, string> = {
  github: "A fine-grained token that may read contents and metadata; to push, write contents.",
  gitlab: "A personal access token with read_api and read_repository; to push, write_repository.",
  bitbucket: "An API token or app password that may read repositories; to push, write them.",
};

/** What came of connecting by a click, as the address tells it. */
function returned(): { connected: Host | null; error: string } {
  const query = new URLSearchParams(location.search);
  const connected = HOSTS.find((host) => host === query.get("connected")) ?? null;
  const code = query.get("error");
  return { connected, error: wordsOf(code ?? "") };
}

export default function Integrations({ organization }: PageProps) {
  const connections = useConnections();
  const apps = useLoad<Page<{ name: string; label: string }>>("/auth/providers").data?.items ?? [];
  const [came] = useState(returned);
  const [wrong, setWrong] = useState("");
  const [asked, setAsked] = useState<
    { what: "connect"; host: Host } | { what: "import" | "disconnect"; of: Connection } | null
  >(null);
  const may = atLeast(organization.role, "member");
  const depart = (host: Host) =>
    post<{ url: string }>(`/${host}/start`).then(
      ({ url }) => location.assign(url),
      (error: Refused) => setWrong(error.message),
    );
  const close = () => {
    setAsked(null);
    void connections.load();
  };
  if (!may) return <PageHead title="Integrations" lead="Who may only look at workspaces imports nothing into them." />;
  return (
    <>
      <PageHead
        title="Integrations"
        lead="Connections are your own: kept encrypted, used for the address that they were made for, and by nobody else."
      />
      <Notice text={wrong || came.error || connections.failure} />
      {came.connected && <Notice kind="info" text={`${HOST_WORDS[came.connected]} is connected.`} />}
      {HOSTS.map((host) => {
        const rows = connections.rows?.filter((row) => row.provider === host);
        return (
          <section className="page-part" key={host} aria-label={HOST_WORDS[host]}>
            <div className="row wrap">
              <h2 className="grow">{HOST_WORDS[host]}</h2>
              {apps.some((one) => one.name === host) && (
                <Button kind="main" onClick={() => void depart(host)}>
                  Connect {HOST_WORDS[host]}
                </Button>
              )}
              <Button onClick={() => setAsked({ what: "connect", host })}>
                Connect by token<span className="hidden"> to {HOST_WORDS[host]}</span>
              </Button>
            </div>
            {rows?.length === 0 && <p className="soft">Not connected.</p>}
            <ul className="lines" aria-busy={!rows}>
              {rows?.map((row) => (
                <li key={row.id}>
                  <span className="line-name">
                    <strong>{row.account}</strong>
                    <small className="soft">
                      {row.base_url} · {row.oauth ? "by a click" : "by token"}
                    </small>
                  </span>
                  <span className="line-fact">
                    <When at={row.created_at} />
                  </span>
                  <Button
                    aria-label={`Import from ${nameOf(row)}`}
                    onClick={() => setAsked({ what: "import", of: row })}
                  >
                    Import
                  </Button>
                  <Button
                    kind="quiet"
                    aria-label={`Disconnect ${nameOf(row)}`}
                    onClick={() => setAsked({ what: "disconnect", of: row })}
                  >
                    Disconnect
                  </Button>
                </li>
              ))}
            </ul>
          </section>
        );
      })}
      {asked?.what === "connect" && <Connect host={asked.host} onClose={close} />}
      {asked?.what === "import" && (
        <Import organization={organization} connections={[asked.of]} onClose={() => setAsked(null)} />
      )}
      {asked?.what === "disconnect" && (
        <Sure
          title={`Disconnect ${asked.of.account}?`}
          verb="Disconnect"
          act={() => call("DELETE", `/${asked.of.provider}/${asked.of.id}`).then(close)}
          onClose={() => setAsked(null)}
        >
          The token is forgotten here. What was imported stays; pulling and pushing it needs another connection.
        </Sure>
      )}
    </>
  );
}

function Connect({ host, onClose }: { host: Host; onClose: () => void }) {
  const [token, setToken] = useState("");
  const [address, setAddress] = useState("");
  const [username, setUsername] = useState("");
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const connect = () => {
    setBusy(true);
    post<Connection>(`/${host}`, {
      token: token.trim(),
      base_url: address.trim() || null,
      username: username.trim(),
    }).then(onClose, (error: Refused) => {
      setBusy(false);
      setFailure(error.message);
    });
  };
  return (
    <Dialog title={`Connect ${HOST_WORDS[host]}`} onClose={onClose} onSubmit={connect}>
      <Field
        label="Token"
        type="password"
        autoComplete="off"
        required
        autoFocus
        value={token}
        hint={HINTS[host]}
        onChange={(event) => setToken(event.target.value)}
      />
      {host === "bitbucket" && (
        <Field
          label="User name (for an app password)"
          autoComplete="off"
          value={username}
          onChange={(event) => setUsername(event.target.value)}
        />
      )}
      <Field
        label="Address (of an instance of your own)"
        type="url"
        placeholder="https://git.example.com"
        value={address}
        onChange={(event) => setAddress(event.target.value)}
      />
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main" disabled={busy}>
          {busy ? "Asking…" : "Connect"}
        </Button>
      </div>
    </Dialog>
  );
}
