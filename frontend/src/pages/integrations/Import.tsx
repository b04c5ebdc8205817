// A repository of a provider becomes a new workspace, or a service of one that is there.
import { useEffect, useState } from "react";
import { get, type Organization, type Page, post, type Refused, type Workspace } from "../../api";
import { follow } from "../../feed";
import { Button, Dialog, Field, Notice } from "../../parts/controls";
import { go } from "../../router";
import type { Operation } from "../../services/types";
import { useLoad, usePages } from "../load";
import { makeWorkspace } from "../newWorkspace";
import { type Branch, type Connection, nameOf, type Owner, type Repository } from "./types";

const NEW = "new";

export function Import({
  organization,
  connections,
  into,
  onClose,
}: {
  organization: Organization;
  connections: Connection[];
  into?: "new";
  onClose: () => void;
}) {
  const workspaces = useLoad<Page<Workspace>>("/workspace?limit=200").data?.items.filter(
    (row) => row.organization_id === organization.id,
  );
  const [connection, setConnection] = useState(connections[0] as Connection);
  const [repository, setRepository] = useState<Repository | null>(null);
  const [branch, setBranch] = useState("");
  const [folder, setFolder] = useState("");
  const [name, setName] = useState("");
  const [workspace, setWorkspace] = useState<string>(into ?? "");
  const [failure, setFailure] = useState("");
  const [running, setRunning] = useState<Operation | null>(null);

  const [busy, setBusy] = useState(false);
  const title = repository?.name.split("/").pop() ?? "";

  const start = async () => {
    if (!repository) return setFailure("Choose a repository.");
    if (!workspace) return setFailure("Choose a workspace.");
    setFailure("");
    setBusy(true);
    try {
      if (workspace === NEW) {
        await makeWorkspace({
          name: name || title,
          organization_id: organization.id,
          clone_url: repository.url,
          connection_id: connection.id,
          branch,
        });
        return onClose();
      }
      const found = workspaces?.find((row) => row.id === workspace);
      if (!found) return;
      const body = { repository: repository.name, branch, subdirectory: folder, connection_id: connection.id };
      const at = `/workspace/${found.default_session_id}/services/import-${connection.provider}`;
      setRunning(await post<Operation>(at, name ? { ...body, name } : body));
    } catch (error) {
      setFailure((error as Refused).message);
    } finally {
      setBusy(false);
    }
  };

  if (running)
    return (
      <Running
        first={running}
        onClose={onClose}
        onAgain={() => {
          setRunning(null);
          setFailure("");
        }}
      />
    );
  return (
    <Dialog
      title={into ? "New workspace from a provider" : "Import a repository"}
      wide
      onClose={onClose}
      onSubmit={start}
    >
      {connections.length > 1 && (
        <label className="field">
          Connection
          <select
            value={connection.id}
            onChange={(event) => {
              setRepository(null);
              setConnection(connections.find((one) => one.id === event.target.value) ?? connection);
            }}
          >
            {connections.map((one) => (
              <option key={one.id} value={one.id}>
                {nameOf(one)}
              </option>
            ))}
          </select>
        </label>
      )}
      <Repositories
        key={connection.id}
        connection={connection}
        chosen={repository}
        onChoose={(one) => {
          setRepository(one);
          setBranch("");
        }}
      />
      {repository && (
        <>
          <Branches connection={connection} repository={repository} value={branch} onChange={setBranch} />
          {workspace !== NEW && (
            <Field
              label="Subdirectory (optional)"
              placeholder="where the service lies in it"
              value={folder}
              onChange={(event) => setFolder(event.target.value)}
            />
          )}
          <Field
            label="Name (optional)"
            placeholder={title}
            hint={workspace === NEW ? "The workspace's." : "The service's and its folder's."}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </>
      )}
      {!into && (
        <label className="field">
          Into
          <select value={workspace} required onChange={(event) => setWorkspace(event.target.value)}>
            <option value="">Choose a workspace…</option>
            <option value={NEW}>A new workspace</option>
            {workspaces?.map((row) => (
              <option key={row.id} value={row.id}>
                {row.name}
              </option>
            ))}
          </select>
        </label>
      )}
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main" disabled={!repository || !workspace || busy}>
          {workspace !== NEW ? "Import" : busy ? "Cloning…" : "Create"}
        </Button>
      </div>
    </Dialog>
  );
}

/** Whose repositories, and which: of one organisation, or by a part of the name. */
function Repositories({
  connection,
  chosen,
  onChoose,
}: {
  connection: Connection;
  chosen: Repository | null;
  onChoose: (one: Repository | null) => void;
}) {
  const at = `/${connection.provider}`;
  const owners = useLoad<Page<Owner>>(`${at}/organizations?connection_id=${connection.id}`);
  const [owner, setOwner] = useState("");
  const [query, setQuery] = useState("");
  const [asked, setAsked] = useState("");
  useEffect(() => {
    const timer = window.setTimeout(() => setAsked(query), 300); // each is a question to the provider
    return () => window.clearTimeout(timer);
  }, [query]);
  const words = new URLSearchParams({ connection_id: connection.id, organization: owner, query: asked });
  const { rows, failure, older } = usePages<Repository>(`${at}/repositories?${words}`);
  return (
    <>
      <div className="row wrap">
        <select
          aria-label="Organisation"
          value={owner}
          onChange={(event) => {
            setQuery("");
            setOwner(event.target.value);
          }}
        >
          <option value="">All that the account sees</option>
          {owners.data?.items.map((one) => (
            <option key={one.name} value={one.name}>
              {one.title}
            </option>
          ))}
        </select>
        <input
          type="search"
          className="grow"
          aria-label="Find a repository"
          placeholder="Find a repository"
          value={query}
          onChange={(event) => {
            setOwner("");
            setQuery(event.target.value);
          }}
        />
      </div>
      <Notice text={owners.failure || failure} />
      <fieldset className="choices" aria-busy={!rows && !failure}>
        <legend className="hidden">Repository</legend>
        {!rows && !failure && <p className="soft">Asking {new URL(connection.base_url).host}…</p>}
        {rows?.length === 0 && <p className="soft">No repository fits.</p>}
        {rows?.map((one) => (
          <label key={one.name}>
            <input type="radio" name="repository" checked={chosen?.name === one.name} onChange={() => onChoose(one)} />
            <span>
              <strong>{one.name}</strong> {one.private && <span className="soft">private</span>}
              {one.description && <small className="soft">{one.description}</small>}
            </span>
          </label>
        ))}
        {older && <Button onClick={() => void older()}>More</Button>}
      </fieldset>
    </>
  );
}

function Branches({
  connection,
  repository,
  value,
  onChange,
}: {
  connection: Connection;
  repository: Repository;
  value: string;
  onChange: (branch: string) => void;
}) {
  const words = new URLSearchParams({ connection_id: connection.id, repository: repository.name });
  const { data, failure } = useLoad<Page<Branch>>(`/${connection.provider}/branches?${words}`);
  return (
    <>
      <Field
        label="Branch"
        list="branches"
        placeholder={repository.default_branch}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
      <datalist id="branches">
        {data?.items.map((one) => (
          <option key={one.name} value={one.name} />
        ))}
      </datalist>
      <Notice text={failure} />
    </>
  );
}

/** How far it is, and at the end the session or what went wrong. */
function Running({ first, onClose, onAgain }: { first: Operation; onClose: () => void; onAgain: () => void }) {
  const [operation, setOperation] = useState(first);
  const at = `/workspace/${first.session_id}/operations/${first.id}`;
  useEffect(() => {
    // An answer may be slower than the feed, which has told of the end meanwhile.
    const keep = (found: Operation) => setOperation((old) => (old.finished_at ? old : found));
    const look = () => get<Operation>(at).then(keep, () => undefined);
    void look(); // it may have ended before this page listened
    return follow((fact) => {
      const told = fact.data.operation as Operation | undefined;
      if (fact.name === "operation.progress" && told?.id === first.id) keep(told);
      if (fact.name === "reset") void look();
    });
  }, [at, first.id]);
  const [refused, setRefused] = useState("");
  const [ending, setEnding] = useState(false);
  const cancel = () => {
    setEnding(true);
    post(`${at}/cancel`, {}).catch((error: Refused) => {
      setEnding(false);
      if (error.code !== "not_under_way") setRefused(error.message); // else the feed tells how it ended
    });
  };
  const step = operation.steps[0];
  const over = operation.status === "succeeded" || operation.status === "failed";
  const session = () => go(`/s/${first.session_id}?view=services`);
  return (
    <Dialog title="Import" onClose={onClose} onSubmit={operation.status === "failed" ? onAgain : session}>
      {operation.status === "failed" ? (
        <Notice text={operation.error?.message ?? "It failed."}>
          {operation.error?.remedy && <span className="soft">{operation.error.remedy}</span>}
        </Notice>
      ) : (
        <p role="status">
          {operation.status === "succeeded"
            ? `${step?.service} is there.`
            : `${step?.service}: ${ending ? "being cancelled" : step?.step}`}
        </p>
      )}
      {!over && <progress aria-label="Import" max={100} value={step?.percent ?? undefined} />}
      <Notice text={refused} />
      <div className="row end">
        {!over && (
          <Button kind="quiet" disabled={ending} onClick={cancel}>
            Cancel the import
          </Button>
        )}
        <Button onClick={onClose}>{over ? "Close" : "Go on in the background"}</Button>
        {over && (
          <Button type="submit" kind="main" autoFocus>
            {operation.status === "failed" ? "Change and try again" : "Open the session"}
          </Button>
        )}
      </div>
    </Dialog>
  );
}
