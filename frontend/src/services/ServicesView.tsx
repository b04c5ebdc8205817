// The session's services: what each is doing, run, stopped and restarted by one key, and what compose.yaml is told about.
import { type DragEvent, type KeyboardEvent, useEffect, useRef, useState } from "react";
import { call, files, type Refused, type Session } from "../api";
import { Button, Notice } from "../parts/controls";
import { Icon as Drawing, type IconName } from "../shell/icons";
import { AddService } from "./AddService";
import { CopyData } from "./CopyData";
import { EditService, type Undo } from "./EditService";
import { Icon, Mark } from "./Icon";
import { Idle } from "./Idle";
import { type Use, useMetrics } from "./metrics";
import { Operations } from "./Operations";
import { Problems } from "./Problems";
import { Registries } from "./Registries";
import { Sparkline } from "./Sparkline";
import type { Proposal, Service, Services, Step } from "./types";
import type { Stack } from "./useServices";
import { Variables } from "./Variables";
import { bytes, isIdle, isUp, look, percent, sentence, since, stepping } from "./words";

export type Part = "overview" | "logs" | "preview" | "database" | "terminal";
type Props = {
  session: Session;
  others: Session[];
  stack: Stack;
  current: string;
  onLook: (service: Service, part?: Part) => void;
  onOpen: (path: string, line?: number) => void;
};

const TOOLTIP = "Enter look · R run · S stop · X restart · L logs · P preview · D database · T terminal · E change";
const LOOKING = "Enter look · L logs · P preview · D database";

export function ServicesView({ session, others, stack, current, onLook, onOpen }: Props) {
  const { found, operations, writes } = stack;
  const sessionId = session.id;
  const [adding, setAdding] = useState(false);
  const [editing, setEditing] = useState<Service | null>(null);
  const [setting, setSetting] = useState(false);
  const [admitting, setAdmitting] = useState(false);
  const [copying, setCopying] = useState(false);
  const [undo, setUndo] = useState<Undo | null>(null);
  const [failure, setFailure] = useState("");
  const [note, setNote] = useState("");
  const [dragged, setDragged] = useState("");
  const list = useRef<HTMLUListElement>(null);
  const use = useMetrics(sessionId, (found?.items.some(isUp) ?? false) && found?.runtime !== "none");
  const now = useClock();
  const loaded = found !== null;
  useEffect(() => {
    if (loaded) list.current?.querySelector<HTMLElement>("button.open[tabindex='0']")?.focus();
  }, [loaded]);

  if (!found) return <Head failure={stack.failure} busy={!stack.failure} />;
  const items = found.items;
  const broken = found.problems.some((problem) => problem.severity === "error");
  const rows = () => [...(list.current?.querySelectorAll<HTMLElement>("button.open") ?? [])];

  const reorder = async (name: string, to: number) => {
    const moved = items.find((row) => row.name === name);
    if (!moved || to < 0 || to >= items.length) return;
    const rest = items.filter((row) => row !== moved);
    rest.splice(to, 0, moved);
    try {
      await call("PUT", `/workspace/${sessionId}/services/reorder`, { ids: rest.map((row) => row.id) });
      stack.load();
    } catch (error) {
      setFailure((error as Refused).message);
    }
  };

  const key = (event: KeyboardEvent, service: Service, at: number) => {
    if (event.ctrlKey || event.metaKey || !(event.target as HTMLElement).matches("button.open")) return;
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const letter = event.key.toLowerCase();
    if (!writes && (event.altKey || "rsxet".includes(letter))) return;
    if (step && event.altKey) reorder(service.name, at + step);
    else if (step) rows()[at + step]?.focus();
    else if (event.altKey) return;
    else if (event.key === "Home") rows()[0]?.focus();
    else if (event.key === "End") rows().at(-1)?.focus();
    else if (letter === "r") !isUp(service) && stack.act(service, "start");
    else if (letter === "s") stack.act(service, "stop");
    else if (letter === "x") stack.act(service, "restart");
    else if (letter === "e") setEditing(service);
    else if (letter === "l") onLook(service, "logs");
    else if (letter === "p" && canPreview(service)) onLook(service, "preview");
    else if (letter === "d" && isDatabase(service)) onLook(service, "database");
    else if (letter === "t" && isUp(service)) onLook(service, "terminal");
    else return;
    event.preventDefault();
  };
  const drop = (event: DragEvent, at: number) => {
    event.preventDefault();
    if (dragged) reorder(dragged, at);
    setDragged("");
  };
  const steps = new Map<string, Step>();
  for (const operation of operations)
    if (!operation.finished_at) for (const step of operation.steps) steps.set(step.service, step);

  return (
    <>
      <Head failure="" busy={false}>
        {writes && items.length > 0 && (
          <>
            <Button
              kind="quiet"
              onClick={() => stack.all("run-all")}
              disabled={broken || found.runtime === "none" || items.every(isUp)}
            >
              Run all
            </Button>
            <Button kind="quiet" onClick={() => stack.all("stop-all")} disabled={items.every(isIdle)}>
              Stop all
            </Button>
          </>
        )}
        {writes && (found.runtime !== "none" || items.length > 0) ? (
          <Button kind="quiet" aria-label="Add a service" title="Add a service" onClick={() => setAdding(true)}>
            <Drawing name="plus" size={14} />
          </Button>
        ) : null}
      </Head>
      <Runtime found={found} />
      <Notice text={failure || stack.failure} />
      {note && (
        <Notice kind="info" text={note}>
          <Button kind="quiet" aria-label="Dismiss" onClick={() => setNote("")}>
            <Drawing name="close" size={12} />
          </Button>
        </Notice>
      )}
      {undo && (
        <Notice kind="info" text={undo.text}>
          <Button
            onClick={() =>
              undo
                .back()
                .then(() => setUndo(null))
                .then(stack.load)
            }
          >
            Undo
          </Button>
          <Button kind="quiet" aria-label="Dismiss" onClick={() => setUndo(null)}>
            <Drawing name="close" size={12} />
          </Button>
        </Notice>
      )}
      <Operations operations={operations} onDismiss={stack.dismiss} />
      {found.proposal && (
        <Proposed
          proposal={found.proposal}
          writes={writes}
          onUse={async () => {
            await files(sessionId, { op: "write", path: "compose.yaml", content: found.proposal?.compose, etag: "*" });
            stack.load();
            onOpen("compose.yaml");
          }}
        />
      )}
      {items.length === 0 && !found.proposal && !broken && (
        <div className="empty soft">
          <p>No services yet. A compose.yaml at the top of the working copy declares what runs here.</p>
          {writes && (
            <Button kind="main" onClick={() => setAdding(true)}>
              Add a service
            </Button>
          )}
        </div>
      )}
      <Problems problems={found.problems} onOpen={onOpen} />
      {(found.source === "devcontainer" || found.source === "procfile") && (
        <p className="soft pad small">
          Read from {found.source === "procfile" ? "the Procfile" : "devcontainer.json"}; a compose.yaml takes its
          place.
        </p>
      )}
      <ul className="services" ref={list} aria-label="Services">
        {items.map((service, at) => (
          <li
            key={service.id}
            className={`service ${service.id === current ? "current" : ""} ${dragged === service.name ? "dragged" : ""}`}
            draggable={writes}
            onDragStart={(event) => {
              setDragged(service.name);
              event.dataTransfer.effectAllowed = "move";
            }}
            onDragOver={(event) => dragged && event.preventDefault()}
            onDrop={(event) => drop(event, at)}
            onDragEnd={() => setDragged("")}
          >
            <button
              type="button"
              className="open"
              title={writes ? TOOLTIP : LOOKING}
              aria-keyshortcuts={writes ? "R S X L P D T E Alt+ArrowUp Alt+ArrowDown" : "L P D"}
              aria-current={service.id === current || undefined}
              tabIndex={service.id === current || (!items.some((row) => row.id === current) && at === 0) ? 0 : -1}
              onClick={() => onLook(service)}
              onKeyDown={(event) => key(event, service, at)}
            >
              <Icon name={service.icon} kind={service.kind} />
              <span className="what">
                <span className="row">
                  <strong>{service.name}</strong>
                  <span className="grow" />
                  <Mark {...mark(service)} />
                </span>
                <span className="soft">{facts(service, now)}</span>
              </span>
            </button>
            <Details service={service} step={steps.get(service.name)} use={use} stack={stack} onOpen={onOpen} />
            {writes && (
              <div className="acts">
                <Act
                  label="Run"
                  sign="play"
                  letter="R"
                  service={service}
                  off={isUp(service) || broken || found.runtime === "none"}
                  onClick={() => stack.act(service, "start")}
                />
                <Act
                  label="Stop"
                  sign="stop"
                  letter="S"
                  service={service}
                  off={isIdle(service) && service.desired === "stopped"}
                  onClick={() => stack.act(service, "stop")}
                />
                <Act
                  label="Restart"
                  sign="reload"
                  letter="X"
                  service={service}
                  off={broken || found.runtime === "none"}
                  onClick={() => stack.act(service, "restart")}
                />
                <span className="grow" />
                <Act
                  label="Change"
                  sign="pencil"
                  letter="E"
                  service={service}
                  off={false}
                  onClick={() => setEditing(service)}
                />
              </div>
            )}
          </li>
        ))}
      </ul>
      <div className="row under">
        {found.source === "compose" && items.length > 0 && (
          <Button kind="quiet" onClick={() => onOpen("compose.yaml", 1)}>
            compose.yaml
          </Button>
        )}
        {writes && (
          <Button kind="quiet" onClick={() => setSetting(true)} title="What compose.yaml asks for as ${NAME}">
            Variables
          </Button>
        )}
        {writes && found.runtime === "docker" && (
          <Button kind="quiet" onClick={() => setAdmitting(true)} title="Who pulls private images">
            Registries
          </Button>
        )}
        {writes && found.runtime === "docker" && others.length > 0 && items.some((row) => row.volumes.length > 0) && (
          <Button
            kind="quiet"
            onClick={() => setCopying(true)}
            disabled={!items.every(isIdle)}
            title={items.every(isIdle) ? "Begin with another session's databases" : "Stop the services first"}
          >
            Copy data…
          </Button>
        )}
      </div>
      {items.length > 0 && found.runtime !== "none" && <Idle sessionId={sessionId} writes={writes} />}
      {setting && (
        <Variables
          workspaceId={session.workspace_id}
          onClose={() => {
            setSetting(false);
            stack.load();
          }}
        />
      )}
      {admitting && <Registries workspaceId={session.workspace_id} onClose={() => setAdmitting(false)} />}
      {copying && <CopyData session={session} others={others} onClose={() => setCopying(false)} />}
      {adding && (
        <AddService
          sessionId={sessionId}
          onClose={() => setAdding(false)}
          onDone={(made) => {
            setAdding(false);
            setNote(made.note ?? "");
            stack.load();
          }}
        />
      )}
      {editing && (
        <EditService
          sessionId={sessionId}
          service={editing}
          last={items.length}
          at={items.findIndex((row) => row.id === editing.id)}
          onMove={(to) => reorder(editing.name, to)}
          onClose={() => setEditing(null)}
          onDone={(change) => {
            setEditing(null);
            setUndo(change);
            stack.load();
          }}
        />
      )}
    </>
  );
}

export const isDatabase = (service: Service) => service.kind === "database" || service.kind === "cache";

export const canPreview = (service: Service) =>
  !isDatabase(service) && service.ports.some((port) => port.protocol === "tcp");

function mark(service: Service) {
  const [word, shape, tone] = look(service);
  return { word, shape, tone };
}

/** Kind, ports, uptime and restarts in a line. */
function facts(service: Service, now: number): string {
  const ports = service.ports.map((port) => `:${port.target}${port.protocol === "udp" ? "/udp" : ""}`).join(" ");
  const up = isUp(service) && service.started_at ? since(service.started_at, now) : "";
  const again = service.restarts ? `${service.restarts} restart${service.restarts > 1 ? "s" : ""}` : "";
  return [service.kind, ports, up, again].filter(Boolean).join(" · ");
}

function Head({ failure, busy, children }: { failure: string; busy: boolean; children?: React.ReactNode }) {
  return (
    <>
      <div className="row head" aria-busy={busy}>
        <h2>Services</h2>
        <span className="grow" />
        {children}
      </div>
      <Notice text={failure} />
    </>
  );
}

function Act(props: {
  label: string;
  sign: IconName;
  letter: string;
  service: Service;
  off: boolean;
  onClick: () => void;
}) {
  return (
    <button
      type="button"
      className="tool"
      aria-label={`${props.label} ${props.service.name}`}
      title={`${props.label} (${props.letter})`}
      disabled={props.off}
      onClick={props.onClick}
    >
      <Drawing name={props.sign} size={13} />
    </button>
  );
}

function Details({
  service,
  step,
  use,
  stack,
  onOpen,
}: {
  service: Service;
  step: Step | undefined;
  use: Use;
  stack: Stack;
  onOpen: Props["onOpen"];
}) {
  const samples = use.get(service.id) ?? [];
  const memory = samples.at(-1);
  return (
    <div className="details">
      {step?.status === "running" && <Progress step={step} />}
      {service.reason &&
        step?.status !== "running" &&
        (service.state === "failed" || service.state === "unhealthy" || service.state === "exited") && (
          <div className={`reason ${service.state}`}>
            {sentence(service.reason.message)}
            {service.reason.remedy && <span className="soft"> {service.reason.remedy}</span>}{" "}
            {service.line && (
              <button type="button" className="link" onClick={() => onOpen("compose.yaml", service.line ?? 1)}>
                line {service.line}
              </button>
            )}
          </div>
        )}
      {service.state === "unhealthy" && service.health?.log && <pre className="reason">{service.health.log}</pre>}
      {service.restart_needed && isUp(service) && (
        <div className="reason">
          Its definition has changed.{" "}
          {stack.writes && (
            <button type="button" className="link" onClick={() => stack.act(service, "restart")}>
              Restart to use it
            </button>
          )}
        </div>
      )}
      {isUp(service) && memory && (
        <div className="sparks">
          <Sparkline
            label="CPU"
            points={samples.map((one) => ({ at: Date.parse(one.at), value: one.cpu }))}
            ceiling={0.1}
            limit={service.limits.cpus}
            say={percent}
          />
          <Sparkline
            label="Memory"
            points={samples.map((one) => ({ at: Date.parse(one.at), value: one.memory_bytes }))}
            ceiling={memory.memory_bytes * 1.3}
            limit={memory.memory_limit_bytes}
            say={bytes}
          />
        </div>
      )}
    </div>
  );
}

export function Progress({ step }: { step: Step }) {
  return (
    <div className="step" role="status">
      <span>{stepping(step)}</span>
      <progress max={100} value={step.percent ?? undefined} aria-label={`${step.service}: ${stepping(step)}`} />
      {step.message && <span className="soft">{step.message}</span>}
    </div>
  );
}

function Runtime({ found }: { found: Services }) {
  if (found.runtime === "docker") {
    if (!found.runtime_reason) return null;
    return (
      <p className="notice error" role="status">
        {found.runtime_reason}
      </p>
    );
  }
  return (
    <div className={`notice ${found.runtime === "none" ? "error" : "info"}`} role="status">
      <details open={found.runtime === "none"}>
        <summary>
          {found.runtime === "none"
            ? "Services cannot run on this server."
            : "No Docker: only what needs no image runs."}
        </summary>
        <p className="soft">
          {found.runtime_reason || "Install Docker and start its engine, then start Codeyard again."}
        </p>
      </details>
    </div>
  );
}

function Proposed({ proposal, writes, onUse }: { proposal: Proposal; writes: boolean; onUse: () => Promise<void> }) {
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const accept = () => {
    setBusy(true);
    onUse().catch((error: Refused) => {
      setBusy(false);
      setFailure(error.message);
    });
  };
  return (
    <section className="proposal" aria-label="Proposed compose.yaml">
      <strong>This looks like {proposal.stack}</strong>
      <p className="soft">{proposal.explanation}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <pre tabIndex={0}>{proposal.compose}</pre>
      <Notice text={failure} />
      {writes && (
        <div className="row">
          <Button kind="main" onClick={accept} disabled={busy}>
            Use it
          </Button>
          <span className="soft small">writes compose.yaml</span>
        </div>
      )}
    </section>
  );
}

function useClock(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const clock = window.setInterval(() => setNow(Date.now()), 1000);
    return () => window.clearInterval(clock);
  }, []);
  return now;
}
