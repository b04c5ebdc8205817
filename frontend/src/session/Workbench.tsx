// One session: files and editor, changes, history, terminals; told of every change by two sockets.
import { type PointerEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { call, type Fact, get, listen, type Page, post, type Refused, type Session, type Workspace } from "../api";
import { Button, Dialog, Field, Notice } from "../parts/controls";
import { go } from "../router";
import { Changes } from "./Changes";
import { Editor } from "./Editor";
import { FileTree } from "./FileTree";
import { History } from "./History";
import { Terminals } from "./Terminals";

type View = "files" | "changes" | "history";
const VIEWS: [View, string, string][] = [
  ["files", "Files", "1"],
  ["changes", "Changes", "2"],
  ["history", "History", "3"],
];
const SHORTCUTS: [string, string][] = [
  ["Ctrl/⌘ S", "Save the file"],
  ["Ctrl/⌘ F", "Find in the file"],
  ["Alt 1 · 2 · 3", "Files, changes, history"],
  ["Alt `", "Into the terminal and back"],
  ["Alt T", "New terminal"],
  ["Alt W", "Close the tab"],
  ["?", "This list"],
];

export function Workbench({ sessionId }: { sessionId: string }) {
  const [session, setSession] = useState<Session | null>(null);
  const [workspace, setWorkspace] = useState<Workspace | null>(null);
  const [sessions, setSessions] = useState<Session[]>([]);
  const [view, setView] = useState<View>("files");
  const [open, setOpen] = useState<string[]>([]);
  const [current, setCurrent] = useState("");
  const [unsaved, setUnsaved] = useState<Set<string>>(new Set());
  const [tick, setTick] = useState(0); // grows with each change of the files or the history
  const [failure, setFailure] = useState("");
  const [forking, setForking] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const [helping, setHelping] = useState(false);
  const lastFact = useRef("");

  const load = useCallback(async () => {
    try {
      const found = await get<Session>(`/sessions/${sessionId}`);
      setSession(found);
      setWorkspace(await get<Workspace>(`/workspace/${found.workspace_id}`));
      setSessions((await get<Page<Session>>(`/sessions/${found.workspace_id}/sessions?limit=200`)).items);
    } catch (error) {
      setFailure((error as Refused).message);
    }
  }, [sessionId]);

  useEffect(() => {
    load();
  }, [load]);
  useEffect(
    () =>
      listen(
        "/ws/events",
        () => (lastFact.current ? { after: lastFact.current } : ({} as Record<string, string>)),
        (fact: Fact) => {
          lastFact.current = fact.id;
          if (fact.name.startsWith("session.") || fact.name === "reset") load();
          if (fact.session_id === sessionId || fact.name === "reset") setTick((n) => n + 1);
        },
      ),
    [load, sessionId],
  );
  const ready = session?.status === "ready";
  useEffect(() => {
    if (ready)
      return listen(
        "/ws/lsp-fs-watch",
        () => ({ session_id: sessionId }),
        () => setTick((n) => n + 1),
      );
  }, [ready, sessionId]);

  const show = useCallback((path: string) => {
    setOpen((old) => (old.includes(path) ? old : [...old, path]));
    setCurrent(path);
  }, []);
  const close = useCallback(
    (path: string) => {
      if (unsaved.has(path) && !window.confirm(`${path} has changes that are not saved. Close it all the same?`))
        return;
      setUnsaved((old) => new Set([...old].filter((other) => other !== path)));
      setOpen((old) => old.filter((other) => other !== path));
      setCurrent((old) => (old === path ? (open.filter((other) => other !== path).pop() ?? "") : old));
    },
    [open, unsaved],
  );
  const mark = useCallback((path: string, dirty: boolean) => {
    setUnsaved((old) =>
      old.has(path) === dirty ? old : new Set(dirty ? [...old, path] : [...old].filter((p) => p !== path)),
    );
  }, []);

  useEffect(() => {
    const guard = (event: BeforeUnloadEvent) => unsaved.size && event.preventDefault();
    window.addEventListener("beforeunload", guard);
    return () => window.removeEventListener("beforeunload", guard);
  }, [unsaved]);

  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, .cm-editor, .xterm");
      const found = VIEWS.find(([, , digit]) => event.altKey && event.key === digit)?.[0];
      if (found) setView(found);
      else if (event.altKey && event.key === "w" && current) close(current);
      else if (event.key === "?" && !typing) setHelping(true);
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  }, [close, current]);

  useEffect(() => {
    document.title = session && workspace ? `${session.name} · ${workspace.name}` : "Codeyard";
  }, [session, workspace]);

  const [size, drag] = useSizes();
  const side = useMemo(() => {
    if (!ready) return null;
    if (view === "files")
      return <FileTree sessionId={sessionId} tick={tick} current={current} onOpen={show} onGone={close} />;
    if (view === "changes")
      return <Changes sessionId={sessionId} tick={tick} onOpen={show} onChange={() => setTick((n) => n + 1)} />;
    return <History sessionId={sessionId} tick={tick} onChange={() => setTick((n) => n + 1)} />;
  }, [ready, view, sessionId, tick, current, show, close]);

  if (failure && !session)
    return (
      <main className="centre">
        <Notice text={failure} />
        <Button onClick={() => go("/")}>All workspaces</Button>
      </main>
    );

  return (
    <div className="bench" ref={size}>
      <header className="top">
        <a
          className="brand"
          href="/"
          onClick={(event) => {
            event.preventDefault();
            go("/");
          }}
        >
          Codeyard
        </a>
        <span className="soft">{workspace?.name}</span>
        <select aria-label="Session" value={sessionId} onChange={(event) => go(`/s/${event.target.value}`)}>
          {sessions.map((row) => (
            <option key={row.id} value={row.id}>
              {row.name}
            </option>
          ))}
        </select>
        <Button kind="quiet" onClick={() => setForking(true)} disabled={!ready}>
          New session from this
        </Button>
        {session && !session.is_default && (
          <Button kind="quiet" onClick={() => setDeleting(true)}>
            Delete session
          </Button>
        )}
        <span className="grow" />
        {session && <code className="soft">⎇ {session.branch}</code>}
        <Button kind="quiet" aria-label="Keyboard shortcuts" onClick={() => setHelping(true)}>
          ?
        </Button>
      </header>
      <nav className="rail" aria-label="Views">
        {VIEWS.map(([name, label, digit]) => (
          <button
            type="button"
            key={name}
            aria-pressed={view === name}
            title={`${label} (Alt ${digit})`}
            onClick={() => setView(name)}
          >
            {label}
          </button>
        ))}
      </nav>
      <aside className="side" aria-label={view}>
        {session && !ready && <Starting session={session} />}
        {side}
      </aside>
      <div className="grip upright" onPointerDown={(event) => drag(event, "--side")} />
      <section className="editors" aria-label="Editor">
        <div className="tabs" role="tablist">
          {open.map((path) => (
            <div
              key={path}
              className="tab"
              role="tab"
              tabIndex={0}
              aria-selected={path === current}
              title={path}
              onClick={() => setCurrent(path)}
              onKeyDown={(event) => event.key === "Enter" && setCurrent(path)}
            >
              <span>
                {unsaved.has(path) && <i title="not saved">● </i>}
                {path.split("/").pop()}
              </span>
              <button
                type="button"
                aria-label={`Close ${path}`}
                onClick={(event) => {
                  event.stopPropagation();
                  close(path);
                }}
              >
                ×
              </button>
            </div>
          ))}
        </div>
        <div className="stage">
          {open.map((path) => (
            <Editor
              key={path}
              sessionId={sessionId}
              path={path}
              visible={path === current}
              tick={tick}
              onDirty={mark}
            />
          ))}
          {open.length === 0 && <p className="empty soft">Open a file, or press ? for the keyboard.</p>}
        </div>
      </section>
      <div className="grip" onPointerDown={(event) => drag(event, "--low")} />
      <section className="low" aria-label="Terminals">
        {ready && <Terminals sessionId={sessionId} />}
      </section>
      {forking && session && <Fork session={session} onClose={() => setForking(false)} />}
      {deleting && session && (
        <DeleteSession
          session={session}
          home={workspace?.default_session_id ?? ""}
          onClose={() => setDeleting(false)}
        />
      )}
      {helping && (
        <Dialog title="Keyboard" onClose={() => setHelping(false)} onSubmit={() => setHelping(false)}>
          <dl className="keys">
            {SHORTCUTS.map(([keys, text]) => (
              <div key={keys}>
                <dt>
                  <kbd>{keys}</kbd>
                </dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
          <div className="row end">
            <Button type="submit" kind="main" autoFocus>
              Close
            </Button>
          </div>
        </Dialog>
      )}
    </div>
  );
}

function Starting({ session }: { session: Session }) {
  if (session.status === "failed")
    return <Notice text={session.status_reason?.message ?? "It could not be started."} />;
  return <Notice kind="info" text="The session is starting; this page follows." />;
}

function Fork({ session, onClose }: { session: Session; onClose: () => void }) {
  const [name, setName] = useState("");
  const [failure, setFailure] = useState("");
  const create = () =>
    post<Session>("/sessions", { workspace_id: session.workspace_id, name, parent_session_id: session.id }).then(
      (made) => go(`/s/${made.id}`),
      (error: Refused) => setFailure(error.message),
    );
  return (
    <Dialog title={`New session from ${session.name}`} onClose={onClose} onSubmit={create}>
      <p>It starts with the files as they stand, uncommitted changes included.</p>
      <Field label="Name" value={name} onChange={(event) => setName(event.target.value)} required autoFocus />
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main">
          Start
        </Button>
      </div>
    </Dialog>
  );
}

function DeleteSession({ session, home, onClose }: { session: Session; home: string; onClose: () => void }) {
  const [failure, setFailure] = useState("");
  const remove = () =>
    call("DELETE", `/sessions/${session.id}`).then(
      () => go(`/s/${home}`),
      (error: Refused) => setFailure(error.message),
    );
  return (
    <Dialog title={`Delete session ${session.name}?`} onClose={onClose} onSubmit={remove}>
      <p>Its terminals end now. Files, uncommitted changes included, stay in the bin for 7 days.</p>
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="danger" autoFocus>
          Delete
        </Button>
      </div>
    </Dialog>
  );
}

/** Sizes of the panels, dragged by their edges and remembered by the browser. */
function useSizes(): [
  (element: HTMLDivElement | null) => void,
  (event: PointerEvent, name: "--side" | "--low") => void,
] {
  const element = useRef<HTMLDivElement | null>(null);
  const attach = useCallback((found: HTMLDivElement | null) => {
    element.current = found;
    for (const name of ["--side", "--low"]) {
      const kept = localStorage.getItem(`size${name}`);
      if (kept) found?.style.setProperty(name, kept);
    }
  }, []);
  const drag = useCallback((event: PointerEvent, name: "--side" | "--low") => {
    event.preventDefault();
    const move = (moved: globalThis.PointerEvent) => {
      const raw = name === "--side" ? moved.clientX - 72 : window.innerHeight - moved.clientY;
      const size = `${Math.max(120, Math.min(raw, name === "--side" ? 640 : window.innerHeight - 160))}px`;
      element.current?.style.setProperty(name, size);
      localStorage.setItem(`size${name}`, size);
    };
    const end = () => window.removeEventListener("pointermove", move);
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end, { once: true });
  }, []);
  return [attach, drag];
}
