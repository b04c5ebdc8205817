// A service's log: followed live, searched on the server through all that is kept; only the lines in sight are in the page.
import { memo, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { saveAs } from "../api";
import { Button } from "../parts/controls";
import { pieces, plain } from "./ansi";
import type { LogLine, Service } from "./types";

const KEPT = 20_000; // lines
const HEIGHT = 18; // pixels of a line
const MORE = 20; // lines drawn above and below what is in sight

export function Logs({ sessionId, service }: { sessionId: string; service: Service }) {
  const lines = useRef<LogLine[]>([]);
  const first = useRef(0); // lines that were dropped at the top
  const box = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [follow, setFollow] = useState(true);
  const [, redraw] = useState(0);
  const [typed, setTyped] = useState("");
  const [search, setSearch] = useState("");
  const [stream, setStream] = useState("");
  const [away, setAway] = useState(false);
  const [seen, setSeen] = useState({ top: 0, height: 400 });

  useEffect(() => {
    const timer = window.setTimeout(() => setSearch(typed.trim()), 250);
    return () => window.clearTimeout(timer);
  }, [typed]);

  useEffect(() => {
    let source: EventSource;
    let timer = 0;
    let frame = 0;
    const paint = () => {
      frame = 0;
      redraw((n) => n + 1);
    };
    const open = () => {
      lines.current = [];
      first.current = 0;
      paint();
      const query = new URLSearchParams({
        tail: "5000",
        follow: "true",
        ...(search && { search }),
        ...(stream && { stream }),
      });
      source = new EventSource(`/api/v1/workspace/${sessionId}/services/${service.id}/logs?${query}`);
      source.onopen = () => setAway(false);
      source.addEventListener("lines", (event) => {
        const fresh = JSON.parse(event.data) as LogLine[];
        for (const line of fresh) lines.current.push(line);
        const over = lines.current.length - KEPT;
        if (over > 1000) {
          lines.current = lines.current.slice(over);
          first.current += over;
          if (!following.current && box.current) box.current.scrollTop -= over * HEIGHT; // what is read stays where it is
        }
        frame ||= requestAnimationFrame(paint);
      });
      source.onerror = () => {
        setAway(true);
        if (source.readyState === EventSource.CLOSED) timer = window.setTimeout(open, 3000);
      };
    };
    open();
    return () => {
      source.close();
      window.clearTimeout(timer);
      cancelAnimationFrame(frame);
    };
  }, [sessionId, service.id, search, stream]);

  useLayoutEffect(() => {
    const shown = box.current;
    if (!shown) return;
    if (following.current) shown.scrollTop = shown.scrollHeight;
  });
  useEffect(() => {
    const shown = box.current;
    if (!shown) return;
    const watcher = new ResizeObserver(() => setSeen({ top: shown.scrollTop, height: shown.clientHeight }));
    watcher.observe(shown);
    return () => watcher.disconnect();
  }, []);

  const hold = useCallback((on: boolean) => {
    following.current = on;
    setFollow(on);
    if (on && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, []);
  const scrolled = () => {
    const shown = box.current;
    if (!shown) return;
    setSeen({ top: shown.scrollTop, height: shown.clientHeight });
    const atEnd = shown.scrollHeight - shown.scrollTop - shown.clientHeight < HEIGHT * 2;
    if (atEnd !== following.current) {
      following.current = atEnd;
      setFollow(atEnd);
    }
  };
  const save = () => {
    const text = lines.current.map((line) => `${line.at} ${line.stream} ${plain(line.text)}\n`).join("");
    saveAs(new Blob([text], { type: "text/plain" }), `${service.name}.log`);
  };

  const count = lines.current.length;
  const from = Math.max(0, Math.floor(seen.top / HEIGHT) - MORE);
  const to = Math.min(count, Math.ceil((seen.top + seen.height) / HEIGHT) + MORE);
  return (
    <div className="logs">
      <div className="bar">
        <input
          type="search"
          aria-label="Search the log"
          placeholder="Search"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        <select aria-label="Stream" value={stream} onChange={(event) => setStream(event.target.value)}>
          <option value="">both</option>
          <option value="stdout">stdout</option>
          <option value="stderr">stderr</option>
        </select>
        <Button aria-pressed={follow} onClick={() => hold(!follow)} title="Keep the newest line in sight">
          Follow
        </Button>
        <Button kind="quiet" onClick={save} disabled={count === 0} title="Save what is shown as a file">
          Save
        </Button>
      </div>
      <div
        className="scroll"
        ref={box}
        onScroll={scrolled}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
        tabIndex={0}
        role="log"
        aria-label={`Log of ${service.name}`}
        aria-live="off"
      >
        {count === 0 && (
          <p className="soft empty">
            {away
              ? "The log cannot be reached; trying on."
              : search || stream
                ? "No line matches."
                : "Nothing was logged yet."}
          </p>
        )}
        <div className="long" style={{ height: count * HEIGHT }}>
          <div className="window" style={{ transform: `translateY(${from * HEIGHT}px)` }}>
            {lines.current.slice(from, to).map((line, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a line's number among all that came
              <Line key={first.current + from + i} line={line} search={search} />
            ))}
          </div>
        </div>
      </div>
    </div>
  );
}

const Line = memo(function Line({ line, search }: { line: LogLine; search: string }) {
  return (
    <div className={`line ${line.stream}`}>
      <time title={line.at}>{clock(line.at)}</time>
      <span className="sign" title={line.stream}>
        {line.stream === "stderr" ? "!" : ""}
      </span>
      <span>
        {pieces(line.text).map((piece, i) => (
          <span
            // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a line never change
            key={i}
            className={piece.classes || undefined}
            style={{ color: piece.colour, background: piece.ground }}
          >
            <Found text={piece.text} search={search} />
          </span>
        ))}
      </span>
    </div>
  );
});

function Found({ text, search }: { text: string; search: string }) {
  if (!search) return text;
  const parts: React.ReactNode[] = [];
  const lower = text.toLowerCase();
  const wanted = search.toLowerCase();
  let at = 0;
  for (let hit = lower.indexOf(wanted); hit >= 0; hit = lower.indexOf(wanted, at)) {
    parts.push(text.slice(at, hit), <mark key={hit}>{text.slice(hit, hit + wanted.length)}</mark>);
    at = hit + wanted.length;
  }
  return [...parts, text.slice(at)];
}

const time = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});

function clock(at: string): string {
  const moment = Date.parse(at.replace(/(\.\d{3})\d*/, "$1"));
  return Number.isNaN(moment) ? "" : time.format(moment);
}
