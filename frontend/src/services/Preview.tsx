// What a service serves, in a frame on an origin of its own; let in by an entry that is good once.
import { useCallback, useEffect, useRef, useState } from "react";
import { call, get, type Page, post, type Refused } from "../api";
import { Button, Dialog, Notice } from "../parts/controls";
import { Icon } from "../shell/icons";
import type { Preview as Address, Service, Visibility } from "./types";
import type { Stack } from "./useServices";
import { isIdle } from "./words";

const WIDTHS: [string, number][] = [
  ["Fit", 0],
  ["Phone 390", 390],
  ["Tablet 768", 768],
  ["Desktop 1280", 1280],
];
const SEEN_BY: Record<Visibility, string> = { owner: "Only me", organization: "Organisation", public: "Everyone" };

export function Preview({ sessionId, service, stack }: { sessionId: string; service: Service; stack: Stack }) {
  const [addresses, setAddresses] = useState<Address[] | null>(null);
  const [port, setPort] = useState(0);
  const [entry, setEntry] = useState({ url: "", times: 0 });
  const [width, setWidth] = useState(0);
  const [room, setRoom] = useState({ width: 0, height: 0 });
  const [asking, setAsking] = useState(false);
  const [failure, setFailure] = useState("");
  const place = useRef<HTMLDivElement>(null);
  const idle = isIdle(service) && service.desired === "stopped";
  const base = `/workspace/${sessionId}/previews`;

  useEffect(() => {
    let left = false;
    get<Page<Address>>(base).then(
      (page) => {
        if (left) return;
        const own = page.items.filter((row) => row.service_id === service.id);
        setAddresses(own);
        setPort((old) => (own.some((row) => row.port === old) ? old : (own[0]?.port ?? 0)));
      },
      (error: Refused) => left || setFailure(error.message),
    );
    return () => {
      left = true;
    };
  }, [base, service.id]);

  const asked = useRef(0); // how often a way in was asked for: what is shown is the last one
  const enter = useCallback(() => {
    if (!port) return;
    setFailure("");
    asked.current += 1;
    const mine = asked.current;
    post<{ url: string }>(`${base}/${service.id}/${port}/entry`).then(
      ({ url }) => mine === asked.current && setEntry({ url, times: mine }),
      (error: Refused) => mine === asked.current && setFailure(error.message),
    );
  }, [base, service.id, port]);
  useEffect(() => {
    if (!idle) enter();
    else {
      asked.current += 1;
      setEntry({ url: "", times: 0 });
    }
  }, [enter, idle]);

  useEffect(() => {
    const shown = place.current;
    if (!shown) return;
    const watcher = new ResizeObserver(() => setRoom({ width: shown.clientWidth, height: shown.clientHeight }));
    watcher.observe(shown);
    return () => watcher.disconnect();
  }, []);

  const address = addresses?.find((row) => row.port === port);
  const choose = (visibility: Visibility) =>
    call<Address>("PUT", `${base}/${service.id}/${port}`, { visibility }).then(
      (saved) => setAddresses((old) => (old ?? []).map((row) => (row.port === port ? { ...row, ...saved } : row))),
      (error: Refused) => setFailure(error.message),
    );
  const scale = width && room.width ? Math.min(1, room.width / width) : 1;
  return (
    <div className="preview">
      <div className="bar">
        <Button kind="quiet" aria-label="Reload" title="Reload" onClick={enter} disabled={!address || idle}>
          <Icon name="reload" size={14} />
        </Button>
        {(addresses?.length ?? 0) > 1 ? (
          <select aria-label="Port" value={port} onChange={(event) => setPort(Number(event.target.value))}>
            {addresses?.map((row) => (
              <option key={row.port} value={row.port}>
                :{row.port}
              </option>
            ))}
          </select>
        ) : null}
        <span className="address soft" title={address?.url}>
          {address?.url.replace(/^https?:\/\//, "")}
        </span>
        <select aria-label="Width" value={width} onChange={(event) => setWidth(Number(event.target.value))}>
          {WIDTHS.map(([label, pixels]) => (
            <option key={label} value={pixels}>
              {label}
            </option>
          ))}
        </select>
        <select
          aria-label="Who may open it"
          title="Who may open it"
          value={address?.visibility ?? "organization"}
          disabled={!address || !stack.writes}
          onChange={(event) =>
            event.target.value === "public" ? setAsking(true) : choose(event.target.value as Visibility)
          }
        >
          {Object.entries(SEEN_BY).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
        <a
          className="button quiet"
          href={address?.url}
          target="_blank"
          rel="noopener noreferrer"
          aria-label="Open in a tab"
          title="Open in a tab"
        >
          <Icon name="away" size={14} />
        </a>
      </div>
      <Notice text={failure}>
        <Button onClick={enter}>Try again</Button>
      </Notice>
      <div className={`viewport ${width ? "device" : ""}`} ref={place}>
        {idle && (
          <div className="empty soft">
            <p>{service.name} does not run.</p>
            {stack.writes && (
              <Button kind="main" onClick={() => stack.act(service, "start")}>
                Run it
              </Button>
            )}
          </div>
        )}
        {addresses?.length === 0 && <p className="empty soft">No port of this service can be previewed.</p>}
        {!idle && entry.url && (
          <iframe
            key={entry.times}
            title={`Preview of ${service.name}`}
            src={entry.url}
            referrerPolicy="no-referrer"
            sandbox="allow-scripts allow-same-origin allow-forms allow-popups allow-modals allow-downloads"
            style={
              width
                ? {
                    width,
                    height: room.height / scale,
                    transform: `scale(${scale})`,
                    marginLeft: Math.max(0, (room.width - width * scale) / 2),
                  }
                : undefined
            }
          />
        )}
      </div>
      {asking && (
        <Dialog
          title="Open it to everyone?"
          onClose={() => setAsking(false)}
          onSubmit={() => {
            setAsking(false);
            choose("public");
          }}
        >
          <p>
            Whoever has the address <code>{address?.url}</code> sees it without signing in, until you choose otherwise.
          </p>
          <div className="row end">
            <Button onClick={() => setAsking(false)}>Cancel</Button>
            <Button type="submit" kind="main">
              Open to everyone
            </Button>
          </div>
        </Dialog>
      )}
    </div>
  );
}
