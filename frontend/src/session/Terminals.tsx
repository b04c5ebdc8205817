// The session's terminals: each a tab on a shell that outlives the page, and is found again after a reload.
import { FitAddon } from "@xterm/addon-fit";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { useCallback, useEffect, useRef, useState } from "react";
import { call, get, type Page, type Refused, socketUrl, type TerminalRow } from "../api";
import { Button, Notice } from "../parts/controls";
import { colour, theme } from "../shell/theme";
import { Acks, type Down } from "./terminal";

type Place = { id: string; name: string };
type Tab = { key: string; id: string | null; service: Place | null };
export type Wish = { service: Place | null };

/** `wish` asks for a shell, inside of a service or not, each time that it changes. */
export function Terminals({ sessionId, wish }: { sessionId: string; wish: Wish | null }) {
  const [tabs, setTabs] = useState<Tab[]>([]);
  const [current, setCurrent] = useState("");
  const [failure, setFailure] = useState("");
  const count = useRef(0);
  const answered = useRef(wish);

  const add = useCallback((id: string | null, service: Place | null = null) => {
    count.current += 1;
    const key = `t${count.current}`;
    setTabs((old) => (id !== null && old.some((tab) => tab.id === id) ? old : [...old, { key, id, service }]));
    setCurrent(key);
  }, []);
  useEffect(() => {
    if (wish && wish !== answered.current) add(null, wish.service);
    answered.current = wish;
  }, [wish, add]);

  useEffect(() => {
    let left = false;
    get<Page<TerminalRow>>(`/workspace/${sessionId}/terminals`).then(
      (page) => {
        if (left) return;
        const running = page.items.filter((row) => row.state === "running");
        for (const row of running) add(row.id, row.service_id ? { id: row.service_id, name: "" } : null);
        if (running.length === 0) add(null);
      },
      (error: Refused) => setFailure(error.message),
    );
    return () => {
      left = true;
      setTabs([]);
    };
  }, [sessionId, add]);

  const close = (tab: Tab) => {
    if (tab.id) call("DELETE", `/workspace/${sessionId}/terminals/${tab.id}`).catch(() => undefined);
    setTabs((old) => old.filter((other) => other.key !== tab.key));
    setCurrent(tabs.filter((other) => other.key !== tab.key).pop()?.key ?? "");
  };

  const learn = useCallback((key: string, id: string) => {
    setTabs((old) => old.map((tab) => (tab.key === key ? { ...tab, id } : tab)));
  }, []);

  const titled = (tab: Tab, number: number) =>
    tab.service ? `Shell in ${tab.service.name || "a service"}` : `Terminal ${number + 1}`;
  return (
    <>
      <div className="tabs" role="tablist" aria-label="Terminals">
        {tabs.map((tab, number) => (
          <div
            key={tab.key}
            className="tab"
            role="tab"
            tabIndex={0}
            aria-selected={tab.key === current}
            onClick={() => setCurrent(tab.key)}
            onKeyDown={(event) => event.key === "Enter" && setCurrent(tab.key)}
          >
            <span>{titled(tab, number)}</span>
            <button
              type="button"
              aria-label={`End terminal ${number + 1}`}
              title="End"
              onClick={(event) => {
                event.stopPropagation();
                close(tab);
              }}
            >
              ×
            </button>
          </div>
        ))}
        <Button kind="quiet" aria-label="New terminal" title="New terminal (Alt T)" onClick={() => add(null)}>
          +
        </Button>
      </div>
      <Notice text={failure} />
      <div className="stage">
        {tabs.map((tab) => (
          <Shell key={tab.key} sessionId={sessionId} tab={tab} visible={tab.key === current} onId={learn} />
        ))}
      </div>
    </>
  );
}

function colours(): { background: string; foreground: string; cursor: string; selectionBackground: string } {
  return {
    background: colour("--ground"),
    foreground: colour("--text"),
    cursor: colour("--accent"),
    selectionBackground: colour("--chosen"),
  };
}

function Shell({
  sessionId,
  tab,
  visible,
  onId,
}: {
  sessionId: string;
  tab: Tab;
  visible: boolean;
  onId: (key: string, id: string) => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  const fit = useRef<FitAddon | null>(null);
  const term = useRef<Terminal | null>(null);
  const first = useRef(tab.id);
  const of = useRef(tab.service);
  const [failure, setFailure] = useState("");

  useEffect(() => {
    if (!place.current) return;
    const screen = new Terminal({
      fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace",
      fontSize: 13,
      scrollback: 10_000,
      theme: colours(),
      allowProposedApi: false,
      cursorBlink: true,
    });
    const fitter = new FitAddon();
    screen.loadAddon(fitter);
    screen.loadAddon(new WebLinksAddon((_, uri) => window.open(uri, "_blank", "noopener,noreferrer")));
    screen.open(place.current);
    fitter.fit();
    fit.current = fitter;
    term.current = screen;

    let socket: WebSocket | undefined;
    let id = first.current;
    const inside = of.current;
    let acks = new Acks(0);
    let pause = 250;
    let timer = 0;
    let over = false;
    const say = (frame: Record<string, unknown>) =>
      socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(frame));

    const open = () => {
      const known: Record<string, string | number> = id ? { terminal_id: id } : {};
      const where: Record<string, string> = inside && !id ? { service_id: inside.id } : {};
      if (acks.seen > 0) known.after = acks.seen;
      socket = new WebSocket(
        socketUrl("/ws/terminal", { session_id: sessionId, cols: screen.cols, rows: screen.rows, ...where, ...known }),
      );
      socket.binaryType = "arraybuffer";
      let attached = false;
      socket.onmessage = (message) => {
        if (typeof message.data !== "string") {
          const bytes = new Uint8Array(message.data as ArrayBuffer);
          acks.arrived(bytes.length);
          screen.write(bytes, () => {
            const offset = acks.shown(bytes.length);
            if (offset !== null) say({ type: "ack", offset });
          });
          return;
        }
        const frame = JSON.parse(message.data) as Down;
        if (frame.type === "attached") {
          attached = true;
          pause = 250;
          setFailure("");
          id = frame.terminal_id;
          acks = new Acks(frame.offset);
          onId(tab.key, id);
        } else if (frame.type === "lag") acks = new Acks(frame.to);
        else if (frame.type === "exit") {
          over = true;
          screen.write(
            `\r\n\x1b[2m[ended ${frame.signal ? `by ${frame.signal}` : `with ${frame.code ?? 0}`}]\x1b[0m\r\n`,
          );
        }
      };
      socket.onclose = () => {
        if (over) return;
        if (!attached && inside)
          setFailure("No shell could be opened there: the service may not run, or its image has none. Trying on.");
        else if (!attached && pause > 4000) setFailure("The terminal cannot be reached; trying on.");
        timer = window.setTimeout(open, pause * (0.5 + Math.random()));
        pause = Math.min(pause * 2, 10_000);
      };
    };
    open();
    const typed = screen.onData(
      (text) => socket?.readyState === WebSocket.OPEN && socket.send(new TextEncoder().encode(text)),
    );
    const raw = screen.onBinary(
      (text) => socket?.readyState === WebSocket.OPEN && socket.send(Uint8Array.from(text, (c) => c.charCodeAt(0))),
    );
    const sized = screen.onResize(({ cols, rows }) => say({ type: "resize", cols, rows }));
    const watcher = new ResizeObserver(() => place.current?.offsetParent && fitter.fit());
    watcher.observe(place.current);
    const plain = theme.subscribe(() => {
      screen.options.theme = colours();
    });
    return () => {
      over = true;
      window.clearTimeout(timer);
      plain();
      watcher.disconnect();
      for (const part of [typed, raw, sized]) part.dispose();
      socket?.close();
      screen.dispose();
    };
  }, [sessionId, tab.key, onId]);

  useEffect(() => {
    if (!visible) return;
    fit.current?.fit();
    term.current?.focus();
  }, [visible]);

  return (
    <div className="term" hidden={!visible}>
      <Notice text={failure} />
      <div className="screen" ref={place} />
    </div>
  );
}
