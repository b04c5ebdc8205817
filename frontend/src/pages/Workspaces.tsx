// All workspaces: open, make empty or from a git URL, delete, bring back.
import { useEffect, useMemo, useState } from "react";
import { call, type Fact, get, type Organization, type Page, post, type Refused, type Workspace } from "../api";
import { follow } from "../feed";
import { inTurn } from "../inTurn";
import { Button, Dialog, Field, Notice } from "../parts/controls";
import { Link } from "../parts/Link";
import { Sure } from "../parts/Sure";
import "../services/services.css";
import { stepOf } from "../source/words";
import { PageHead } from "./Frame";
import { Import } from "./integrations/Import";
import { useConnections } from "./integrations/useConnections";
import { useLoad } from "./load";
import { makeWorkspace } from "./newWorkspace";
import { Access } from "./people/Access";
import { atLeast, type PageProps } from "./places";
import { Templates } from "./Templates";

export default function Workspaces({ organization }: PageProps) {
  const [rows, setRows] = useState<Workspace[] | null>(null);
  const [binned, setBinned] = useState<Workspace[]>([]);
  const [progress, setProgress] = useState<Record<string, string>>({});
  const [failure, setFailure] = useState("");
  const [making, setMaking] = useState(false);
  const [deleting, setDeleting] = useState<Workspace | null>(null);
  const [copying, setCopying] = useState<Workspace | null>(null);
  const [giving, setGiving] = useState<Workspace | null>(null);
  const manages = atLeast(organization.role, "admin");
  const makes = atLeast(organization.role, "member");

  const load = useMemo(() => {
    const ours = (row: Workspace) => row.organization_id === organization.id;
    return inTurn(() =>
      Promise.all([
        get<Page<Workspace>>("/workspace?limit=200").then(
          (page) => {
            setRows(page.items.filter(ours).reverse());
            setFailure("");
          },
          (error: Refused) => setFailure(error.message),
        ),
        get<Page<Workspace>>("/workspace/bin").then(
          (page) => setBinned(page.items.filter(ours)),
          () => setBinned([]),
        ),
      ]),
    );
  }, [organization.id]);

  useEffect(() => void load(), [load]);
  useEffect(
    () =>
      follow((fact: Fact) => {
        const id = fact.workspace_id ?? "";
        if (fact.name === "session.progress") setProgress((old) => ({ ...old, [id]: stepOf(fact) }));
        if (fact.name === "session.failed")
          setProgress((old) => ({ ...old, [id]: (fact.data.reason as { message: string }).message }));
        if (fact.name === "session.ready") setProgress(({ [id]: _, ...rest }) => rest);
        if (fact.name.startsWith("workspace.") || fact.name === "reset") void load();
      }),
    [load],
  );
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (
        event.key === "n" &&
        makes &&
        !event.ctrlKey &&
        !event.metaKey &&
        !(event.target instanceof HTMLInputElement) &&
        !document.querySelector("dialog[open]")
      ) {
        event.preventDefault();
        setMaking(true);
      }
    };
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  }, [makes]);

  const restore = (id: string) =>
    post(`/workspace/${id}/restore`).then(load, (error: Refused) => setFailure(error.message));

  return (
    <>
      <PageHead title="Workspaces">
        {makes && (
          <Button kind="main" onClick={() => setMaking(true)} title="n">
            New workspace
          </Button>
        )}
      </PageHead>
      <Notice text={failure} />
      {rows?.length === 0 && (
        <div className="empty">
          <p>Nothing here yet. A workspace holds one project: its history, sessions and terminals.</p>
          {makes && (
            <Button kind="main" onClick={() => setMaking(true)}>
              Create the first one
            </Button>
          )}
        </div>
      )}
      <ul className="cards">
        {rows?.map((row) => (
          <li key={row.id} className="card">
            <Link to={`/s/${row.default_session_id}`}>
              <strong>{row.name}</strong>
              {row.description && <span className="soft">{row.description}</span>}
              {progress[row.id] && <span className="progress">{progress[row.id]}</span>}
            </Link>
            <Link className="button quiet" to={`/w/${row.id}/pulls`} aria-label={`Pull requests of ${row.name}`}>
              Pull requests
            </Link>
            {manages && (
              <Button kind="quiet" aria-label={`Access to ${row.name}`} onClick={() => setGiving(row)}>
                Access
              </Button>
            )}
            {makes && (
              <Button kind="quiet" aria-label={`Duplicate ${row.name}`} onClick={() => setCopying(row)}>
                Duplicate
              </Button>
            )}
            {makes && (
              <Button kind="quiet" aria-label={`Delete ${row.name}`} onClick={() => setDeleting(row)}>
                Delete
              </Button>
            )}
          </li>
        ))}
      </ul>
      {makes && <Templates organization={organization} />}
      {binned.length > 0 && (
        <details>
          <summary>Bin ({binned.length})</summary>
          <ul className="cards">
            {binned.map((row) => (
              <li key={row.id} className="card">
                <span className="name">{row.name}</span>
                {makes && <Button onClick={() => restore(row.id)}>Restore</Button>}
              </li>
            ))}
          </ul>
        </details>
      )}
      {making && <NewWorkspace organization={organization} onClose={() => setMaking(false)} />}
      {copying && <Duplicate workspace={copying} onClose={() => setCopying(null)} />}
      {giving && <Access organization={organization} workspace={giving} onClose={() => setGiving(null)} />}
      {deleting && (
        <Sure
          title={`Delete ${deleting.name}?`}
          verb="Delete"
          typed={deleting.name}
          act={async () => {
            await call("DELETE", `/workspace/${deleting.id}`);
            setDeleting(null);
            load();
          }}
          onClose={() => setDeleting(null)}
        >
          Its sessions, terminals and working copies go into the bin for 7 days. Remotes are not touched.
        </Sure>
      )}
    </>
  );
}

function Duplicate({ workspace, onClose }: { workspace: Workspace; onClose: () => void }) {
  const [name, setName] = useState(`${workspace.name} copy`);
  const [secrets, setSecrets] = useState(false);
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const mine = useLoad<{ scopes: string[] }>(`/workspace/${workspace.id}/access/mine`, /access/);
  const copy = () => {
    setBusy(true);
    post(`/workspace/${workspace.id}/duplicate`, { name: name.trim(), with_secrets: secrets }).then(
      onClose,
      (error: Refused) => {
        setFailure(error.message);
        setBusy(false);
      },
    );
  };
  return (
    <Dialog title={`Duplicate ${workspace.name}`} onClose={onClose} onSubmit={copy}>
      <p>Its repositories and every session come along as they stand, uncommitted changes included.</p>
      <Field label="Name" value={name} onChange={(event) => setName(event.target.value)} required autoFocus />
      {mine.data?.scopes.includes("services:write") && (
        <label className="option">
          <input type="checkbox" checked={secrets} onChange={(event) => setSecrets(event.target.checked)} />
          <span>
            With secrets
            <small className="soft">
              The values of its services' secrets and variables. What runs there can read them.
            </small>
          </span>
        </label>
      )}
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main" disabled={busy}>
          {busy ? "Duplicating…" : "Duplicate"}
        </Button>
      </div>
    </Dialog>
  );
}

function NewWorkspace({ organization, onClose }: { organization: Organization; onClose: () => void }) {
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const [token, setToken] = useState("");
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const [importing, setImporting] = useState(false);
  const connections = useConnections();
  if (importing && connections.rows)
    return <Import organization={organization} connections={connections.rows} into="new" onClose={onClose} />;

  const create = async () => {
    setBusy(true);
    setFailure("");
    const guessed =
      url
        .replace(/\.git$/, "")
        .split("/")
        .filter(Boolean)
        .pop() ?? "";
    try {
      await makeWorkspace({
        name: name.trim() || guessed || "workspace",
        organization_id: organization.id,
        ...(url.trim() ? { clone_url: url.trim() } : {}),
        ...(token ? { clone_token: token } : {}),
      });
      onClose();
    } catch (error) {
      setFailure((error as Error).message);
      setBusy(false);
    }
  };

  return (
    <Dialog title="New workspace" onClose={onClose} onSubmit={create}>
      <Field
        label="Git URL (optional)"
        value={url}
        onChange={(e) => setUrl(e.target.value)}
        placeholder="https://… or git@host:path"
        autoFocus
      />
      <Field
        label="Name"
        value={name}
        onChange={(e) => setName(e.target.value)}
        placeholder="as the repository, where it is left out"
      />
      {url && (
        <Field
          label="Token (private repositories)"
          type="password"
          autoComplete="off"
          value={token}
          onChange={(e) => setToken(e.target.value)}
          hint="Used for this clone and not kept. Without one, your connection to that host is used."
        />
      )}
      <Notice text={failure} />
      <div className="row end">
        {connections.rows && connections.rows.length > 0 && (
          <>
            <Button onClick={() => setImporting(true)}>From a provider…</Button>
            <span className="grow" />
          </>
        )}
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main" disabled={busy}>
          {busy ? (url ? "Cloning…" : "Creating…") : "Create"}
        </Button>
      </div>
    </Dialog>
  );
}
