// One service looked at, beside the editor: overview, log, preview, database.
import { type KeyboardEvent, useEffect, useState } from "react";
import { Icon as Drawing } from "../shell/icons";
import { Database } from "./Database";
import { Icon, Mark } from "./Icon";
import { Logs } from "./Logs";
import { Preview } from "./Preview";
import { canPreview, isDatabase, type Part, Progress } from "./ServicesView";
import type { Service } from "./types";
import type { Stack } from "./useServices";
import { bytes, isIdle, isUp, look, sentence, since } from "./words";

type Props = {
  sessionId: string;
  service: Service;
  stack: Stack;
  part: Part;
  wide: boolean;
  opens: boolean;
  onPart: (part: Part) => void;
  onWide: () => void;
  onClose: () => void;
  onOpen: (path: string, line?: number) => void;
};
const LABELS: Record<Part, string> = {
  overview: "Overview",
  logs: "Logs",
  preview: "Preview",
  database: "Database",
  terminal: "Terminal",
};

export function ServicePane({ sessionId, service, stack, part, wide, opens, onPart, onWide, onClose, onOpen }: Props) {
  const parts = (["overview", "logs", "preview", "database"] as Part[]).filter(
    (one) => (one !== "preview" || canPreview(service)) && (one !== "database" || isDatabase(service)),
  );
  const shown = parts.includes(part) ? part : "logs";
  // What was looked at stays as it is while another part is looked at: a page in the preview, a statement half typed.
  const [opened, setOpened] = useState<Set<Part>>(new Set([shown]));
  useEffect(() => setOpened((old) => (old.has(shown) ? old : new Set([...old, shown]))), [shown]);
  const [word, shape, tone] = look(service);
  const step = stack.operations
    .filter((operation) => !operation.finished_at)
    .flatMap((operation) => operation.steps)
    .find((one) => one.service === service.name && one.status === "running");

  const key = (event: KeyboardEvent, at: number) => {
    const to = event.key === "ArrowRight" ? at + 1 : event.key === "ArrowLeft" ? at - 1 : -1;
    const next = parts[to];
    if (!next) return;
    event.preventDefault();
    onPart(next);
    (event.currentTarget.parentElement?.children[to] as HTMLElement | undefined)?.focus();
  };
  return (
    <>
      <div className="row pane-head">
        <Icon name={service.icon} kind={service.kind} />
        <strong title={service.name}>{service.name}</strong>
        <Mark word={word} shape={shape} tone={tone} />
        <span className="grow" />
        {stack.writes && (
          <>
            <button
              type="button"
              className="tool"
              aria-label={isUp(service) ? "Restart" : "Run"}
              title={isUp(service) ? "Restart" : "Run"}
              onClick={() => stack.act(service, isUp(service) ? "restart" : "start")}
            >
              <Drawing name={isUp(service) ? "reload" : "play"} size={14} />
            </button>
            <button
              type="button"
              className="tool"
              aria-label="Stop"
              title="Stop"
              disabled={isIdle(service)}
              onClick={() => stack.act(service, "stop")}
            >
              <Drawing name="stop" size={14} />
            </button>
          </>
        )}
        <button
          type="button"
          className="tool wide"
          aria-pressed={wide}
          aria-label="Fill the page"
          title="Fill the page"
          onClick={onWide}
        >
          <Drawing name="fill" size={14} />
        </button>
        <button type="button" className="tool" aria-label="Close the service" title="Close (Alt W)" onClick={onClose}>
          <Drawing name="close" size={14} />
        </button>
      </div>
      <div className="tabs">
        <div className="views" role="tablist" aria-label={`Views of ${service.name}`}>
          {parts.map((one, at) => (
            <button
              type="button"
              role="tab"
              key={one}
              className="tab"
              aria-selected={one === shown}
              tabIndex={one === shown ? 0 : -1}
              onClick={() => onPart(one)}
              onKeyDown={(event) => key(event, at)}
            >
              {LABELS[one]}
            </button>
          ))}
        </div>
        <span className="grow" />
        {opens && (
          <button
            type="button"
            className="tool"
            onClick={() => onPart("terminal")}
            disabled={!isUp(service)}
            title={isUp(service) ? "A shell inside of this service" : "Run the service first"}
          >
            + Terminal
          </button>
        )}
      </div>
      {step && <Progress step={step} />}
      <div className="stage">
        {parts.map((one) => (
          <div className="part" key={one} role="tabpanel" aria-label={LABELS[one]} hidden={one !== shown}>
            {(opened.has(one) || one === shown) && (
              <>
                {one === "overview" && <Overview service={service} onOpen={onOpen} />}
                {one === "logs" && <Logs sessionId={sessionId} service={service} />}
                {one === "preview" && <Preview sessionId={sessionId} service={service} stack={stack} />}
                {one === "database" && (
                  <Database
                    base={`/workspace/${sessionId}/services/${service.id}/database`}
                    name={service.name}
                    engine={service.icon}
                    up={service.state === "running" || service.state === "unhealthy"}
                    writes={stack.writes}
                    onRun={stack.writes ? () => stack.act(service, "start") : undefined}
                  />
                )}
              </>
            )}
          </div>
        ))}
      </div>
    </>
  );
}

function Overview({ service, onOpen }: { service: Service; onOpen: Props["onOpen"] }) {
  const limits = [
    service.limits.cpus ? `${service.limits.cpus} CPU${service.limits.cpus === 1 ? "" : "s"}` : "",
    service.limits.memory_bytes ? bytes(service.limits.memory_bytes) : "",
    service.limits.pids ? `${service.limits.pids} processes` : "",
  ].filter(Boolean);
  // biome-ignore-start lint/correctness/useJsxKeyInIterable: pairs of a label and what stands beside it
  const rows: [string, React.ReactNode][] = [
    ["Kind", service.kind],
    ["Image", service.image ? <code>{service.image}</code> : service.build ? "built from its Dockerfile" : ""],
    ["Install", service.install_command && <code>{service.install_command}</code>],
    ["Start", (service.start_command || service.command) && <code>{service.start_command || service.command}</code>],
    [
      "Ports",
      service.ports.map((port) => (
        <div key={`${port.target}${port.protocol}`}>
          <code>
            {port.target}
            {port.protocol === "udp" ? "/udp" : ""}
          </code>{" "}
          {port.preview_url && (
            <a className="link" href={port.preview_url} target="_blank" rel="noopener noreferrer">
              {port.preview_url.replace(/^https?:\/\//, "")}
            </a>
          )}
        </div>
      )),
    ],
    ["Up for", isUp(service) && service.started_at ? since(service.started_at, Date.now()) : ""],
    ["Restarts", service.restarts ? String(service.restarts) : ""],
    ["Health", service.health ? `${service.health.status}${service.health.log ? `: ${service.health.log}` : ""}` : ""],
    [
      "Needs",
      service.depends_on
        .map((one) => `${one.service} (${one.condition.replace(/^service_/, "").replace(/_/g, " ")})`)
        .join(", "),
    ],
    ["Limits", limits.join(", ")],
    [
      "Volumes",
      service.volumes.map((one) => (
        <div key={one}>
          <code>{one}</code>
        </div>
      )),
    ],
    [
      "Environment",
      service.environment.map((one) => (
        <div key={one.name}>
          <code>
            {one.name}={one.secret ? "••••••••" : (one.value ?? "")}
          </code>
        </div>
      )),
    ],
  ];
  // biome-ignore-end lint/correctness/useJsxKeyInIterable: as above
  return (
    <div className="overview">
      {service.reason && (
        <div className={`reason ${service.state}`} role="status">
          {sentence(service.reason.message)}{" "}
          {service.reason.remedy && <span className="soft">{service.reason.remedy}</span>}
        </div>
      )}
      <dl>
        {rows
          .filter(([, value]) => (Array.isArray(value) ? value.length : value))
          .map(([label, value]) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
      {service.line !== null && (
        <button type="button" className="link" onClick={() => onOpen("compose.yaml", service.line ?? 1)}>
          compose.yaml, line {service.line}
        </button>
      )}
    </div>
  );
}
