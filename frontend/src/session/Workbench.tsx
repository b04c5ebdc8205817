// One session: files and editor, changes, history, terminals; told of every change by two sockets.
import { type PointerEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { call, type Fact, get, listen, type Page, post, type Refused, type Session, type Workspace } from "../api";
import { follow } from "../feed";
import { Button, Dialog, Field, Notice } from "../parts/controls";
import { go } from "../router";
import { Database } from "../services/Database";
import { ServicePane } from "../services/ServicePane";
import { type Part, ServicesView } from "../services/ServicesView";
import type { Service } from "../services/types";
import { useServices } from "../services/useServices";
import { Changes } from "./Changes";
import { Editor } from "./Editor";
import { FileTree } from "./FileTree";
import { History } from "./History";
import { Terminals, type Wish } from "./Terminals";

type View = "files" | "changes" | "history" | "services";
type Area = "side" | "editors" | "low" | "dock"; // which one is shown where there is room for one only
type Look = { service: string; part: Part } | { file: string };
const VIEWS: [View, string, string][] = [
  ["files", "Files", "1"],
  ["changes", "Changes", "2"],
  ["history", "History", "3"],
  ["services", "Services", "4"],
];
const SQLITE = /\.(sqlite3?|db3?)$/i;
const SHORTCUTS: [string, string][] = [
  ["Ctrl/⌘ S", "Save the file"],
  ["Ctrl/⌘ F", "Find in the file"],
  ["Alt 1 · 2 · 3 · 4", "Files, changes, history, services"],
  ["↑ ↓ · R S X", "In services: move; run, stop, restart"],
  ["L P D T E", "Log, preview, database, terminal, change"],
  ["Alt `", "Into the terminal and back"],
  ["Alt T", "New terminal"],
  ["Alt W", "Close the tab"],
  ["?", "This list"],
];

export function Workbench({ sessionId }: { sessionId: string }) {
  const [session, setSession] = useState<Session | null>(null);
  const [workspace, setWorkspace] = useState<Workspace | null>(null);
  const [sessions, setSessions] = useState<Session[]>([]);
  const [view, setView] = useState<View>(() =>
    new URLSearchParams(location.search).get("view") === "services" ? "services" : "files",
  );
  const [area, setArea] = useState<Area>("side");
  const [look, setLook] = useState<Look | null>(null);
  const [wide, setWide] = useState(false);
  const [goal, setGoal] = useState<{ path: string; line: number; times: number } | null>(null);
  const [wish, setWish] = useState<Wish | null>(null);
  const [open, setOpen] = useState<string[]>([]);
  const [current, setCurrent] = useState("");
  const [unsaved, setUnsaved] = useState<Set<string>>(new Set());
  const [tick, setTick] = useState(0); // grows with each change of the files or the history
  const [failure, setFailure] = useState("");
  const [forking, setForking] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const [helping, setHelping] = useState(false);

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
      follow((fact: Fact) => {
        if (fact.name.startsWith("session.") || fact.name === "reset") load();
        if (fact.name === "service.state" || fact.name === "operation.progress") return; // no file changes by these
        if (fact.session_id === sessionId || fact.name === "reset") setTick((n) => n + 1);
      }),
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

  const stack = useServices(sessionId, ready && (view === "services" || look !== null), tick);
  const looked = look && "service" in look ? stack.found?.items.find((row) => row.id === look.service) : undefined;

  const turn = useCallback((to: View) => {
    setView(to);
    setArea("side");
  }, []);
  const show = useCallback((path: string, line?: number) => {
    setArea("editors");
    setWide(false);
    if (SQLITE.test(path)) {
      setLook({ file: path });
      setArea("dock");
      return;
    }
    setOpen((old) => (old.includes(path) ? old : [...old, path]));
    setCurrent(path);
    if (line) setGoal((old) => ({ path, line, times: (old?.times ?? 0) + 1 }));
  }, []);
  const lookAt = useCallback((service: Service, part?: Part) => {
    if (part === "terminal") {
      setWide(false);
      setArea("low");
      setWish((old) => ({ service: { id: service.id, name: service.name }, times: (old?.times ?? 0) + 1 }));
      return;
    }
    setArea("dock");
    setLook((old) => ({
      service: service.id,
      part: part ?? (old && "part" in old ? old.part : service.state === "failed" ? "overview" : "logs"),
    }));
  }, []);
  const lookAway = useCallback(() => {
    setLook(null);
    setWide(false);
    setArea("side");
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
      if (found) turn(found);
      else if (event.altKey && event.key === "w" && document.activeElement?.closest(".dock")) lookAway();
      else if (event.altKey && event.key === "w" && current) close(current);
      else if (event.key === "?" && !typing) setHelping(true);
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  }, [close, current, turn, lookAway]);

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
    if (view === "history") return <History sessionId={sessionId} tick={tick} onChange={() => setTick((n) => n + 1)} />;
    return null;
  }, [ready, view, sessionId, tick, current, show, close]);

  if (failure && !session)
    return (
      <main className="centre">
        <Notice text={failure} />
        <Button onClick={() => go("/")}>All workspaces</Button>
      </main>
    );

  return (
    <div
      className={`bench ${look ? "docked" : ""} ${look && wide ? "wide" : ""} area-${area === "dock" && !look ? "side" : area}`}
      ref={size}
    >
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
        <Button
          kind="quiet"
          aria-label="New session from this"
          title="New session from this"
          onClick={() => setForking(true)}
          disabled={!ready}
        >
          <span aria-hidden>+</span>
          <span className="only-wide">&nbsp;New session from this</span>
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
            onClick={() => turn(name)}
          >
            {label}
          </button>
        ))}
        <button type="button" className="narrow" aria-pressed={area === "editors"} onClick={() => setArea("editors")}>
          Editor
        </button>
        <button type="button" className="narrow" aria-pressed={area === "low"} onClick={() => setArea("low")}>
          Terminal
        </button>
      </nav>
      <aside className="side" aria-label={view}>
        {session && !ready && <Starting session={session} />}
        {side}
        {session && ready && view === "services" && (
          <ServicesView
            sessionId={sessionId}
            workspaceId={session.workspace_id}
            stack={stack}
            current={look && "service" in look ? look.service : ""}
            onLook={lookAt}
            onOpen={show}
          />
        )}
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
              goal={goal}
              onDirty={mark}
            />
          ))}
          {open.length === 0 && <p className="empty soft">Open a file, or press ? for the keyboard.</p>}
        </div>
      </section>
      <div className="grip" onPointerDown={(event) => drag(event, "--low")} />
      <section className="low" aria-label="Terminals">
        {ready && (
          <Terminals
            sessionId={sessionId}
            wish={wish}
            nameOf={(id) => stack.found?.items.find((row) => row.id === id)?.name}
          />
        )}
      </section>
      {look && (
        <>
          <div className="grip dockline" onPointerDown={(event) => drag(event, "--dock")} />
          <section className="dock" aria-label="Service">
            {looked && "service" in look && (
              <ServicePane
                key={looked.id}
                sessionId={sessionId}
                service={looked}
                stack={stack}
                part={look.part}
                wide={wide}
                onPart={(part) => lookAt(looked, part)}
                onWide={() => setWide(!wide)}
                onClose={lookAway}
                onOpen={show}
              />
            )}
            {!looked && (
              <div className="row pane-head">
                <strong>{"file" in look ? look.file.split("/").pop() : "Service"}</strong>
                <span className="grow" />
                <button type="button" className="tool wide" aria-label="Fill the page" onClick={() => setWide(!wide)}>
                  ⤢
                </button>
                <button type="button" className="tool" aria-label="Close the pane" onClick={lookAway}>
                  ×
                </button>
              </div>
            )}
            {"file" in look && (
              <div className="stage">
                <div className="part">
                  <Database
                    key={look.file}
                    base={`/workspace/${sessionId}/sqlite`}
                    query={`?path=${encodeURIComponent(look.file)}`}
                    name={look.file}
                    engine="sqlite"
                    up
                  />
                </div>
              </div>
            )}
            {"service" in look && !looked && stack.found && <p className="empty soft">This service is gone.</p>}
          </section>
        </>
      )}
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

type Size = "--side" | "--low" | "--dock";

/** Sizes of the panels, dragged by their edges and remembered by the browser. */
function useSizes(): [(element: HTMLDivElement | null) => void, (event: PointerEvent, name: Size) => void] {
  const element = useRef<HTMLDivElement | null>(null);
  const attach = useCallback((found: HTMLDivElement | null) => {
    element.current = found;
    for (const name of ["--side", "--low", "--dock"]) {
      const kept = localStorage.getItem(`size${name}`);
      if (kept) found?.style.setProperty(name, kept);
    }
  }, []);
  const drag = useCallback((event: PointerEvent, name: Size) => {
    event.preventDefault();
    const move = (moved: globalThis.PointerEvent) => {
      const [raw, most] = {
        "--side": [moved.clientX - 72, 640],
        "--low": [window.innerHeight - moved.clientY, window.innerHeight - 160],
        "--dock": [window.innerWidth - moved.clientX, window.innerWidth - 480],
      }[name] as [number, number];
      const size = `${Math.max(120, Math.min(raw, most))}px`;
      element.current?.style.setProperty(name, size);
      localStorage.setItem(`size${name}`, size);
    };
    element.current?.classList.add("dragging"); // a frame must not swallow the pointer
    const end = () => {
      window.removeEventListener("pointermove", move);
      element.current?.classList.remove("dragging");
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end, { once: true });
  }, []);
  return [attach, drag];
}
