// One terminal on the screen: xterm.js on a connection, with a search bar over it, links, and copy and paste.
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { type ILink, Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { useEffect, useRef, useState } from "react";
import { files } from "../api";
import { Button, Notice } from "../parts/controls";
import type { Bench } from "../shell/bench";
import { settingOf, useSetting } from "../shell/settings";
import { theme } from "../shell/theme";
import { copyText, readClipboard } from "./clipboard";
import { colours } from "./colours";
import { Connection } from "./connection";
import { refuseEndless } from "./endless";
import { drawnByGraphicsCard } from "./renderer";
import { Search } from "./Search";
import "./styles";
import { type Handle, terminalsOf } from "./state";
import { type Pane, update } from "./tabs";
import { cleanTitle, fileLinks, webAddress } from "./text";

type Props = { bench: Bench; pane: Pane; label: string; visible: boolean; focused: boolean };

export function Screen({ bench, pane, label, visible, focused }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const made = useRef<Made | null>(null);
  const start = useRef({ id: pane.id, service: pane.service, label });
  const comesBack = useRef(pane.id !== null); // with the page, which may have left the focus in an editor
  const [failure, setFailure] = useState("");
  const [finding, setFinding] = useState(0); // grows each time that one asks for the search bar; 0 hides it
  const reader = useSetting<boolean>("terminal.screenReader");
  const size = useSetting<number>("terminal.fontSize");
  const { key } = pane;

  useEffect(() => {
    if (!place.current) return;
    const terminals = terminalsOf(bench);
    const tell = (parts: Partial<Pane>) => terminals.open.set((old) => update(old, key, parts));
    const one = make(bench, place.current, start.current, {
      title: (title) => tell({ title }),
      attached: (id) => {
        tell({ id });
        const text = terminals.take();
        if (!text) return;
        one.handle.type(text);
        one.handle.focus();
      },
      ended: (ended) => tell({ ended }),
      trouble: setFailure,
      find: () => setFinding((n) => n + 1),
    });
    made.current = one;
    terminals.handles.set(key, one.handle);
    return () => {
      terminals.handles.delete(key);
      made.current = null;
      one.close();
    };
  }, [bench, key]);

  useEffect(() => {
    const screen = made.current?.screen;
    if (!screen) return;
    screen.options.screenReaderMode = reader;
    screen.options.fontSize = size;
    made.current?.fit();
  }, [reader, size]);
  useEffect(() => {
    if (!visible) return;
    made.current?.fit();
    const elsewhere = comesBack.current && bench.tab !== undefined && bench.layout.get().area !== "panel";
    comesBack.current = false;
    if (focused && !elsewhere) made.current?.screen.focus();
  }, [bench, visible, focused]);

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the terminal inside has the focus; this only notes that it has
    <div
      className="term"
      onFocus={() => terminalsOf(bench).focus(key)}
      onKeyDown={(event) => {
        if (event.key === "Escape" && finding && (event.target as Element).closest(".term-search")) setFinding(0);
      }}
    >
      <Notice text={failure} />
      {finding > 0 && made.current && (
        <Search
          key={key}
          addon={made.current.search}
          times={finding}
          onClose={() => {
            setFinding(0);
            made.current?.screen.focus();
          }}
        />
      )}
      <div className="screen" ref={place} />
      {pane.ended && (
        <div className="term-ended">
          <span>It {pane.ended}.</span>
          <Button onClick={() => terminalsOf(bench).again(pane)}>New terminal here</Button>
        </div>
      )}
    </div>
  );
}

type Told = {
  title: (title: string) => void;
  attached: (id: string) => void;
  ended: (how: string) => void;
  trouble: (text: string) => void;
  find: () => void;
};
type Made = { screen: Terminal; search: SearchAddon; handle: Handle; fit: () => void; close: () => void };

function make(
  bench: Bench,
  place: HTMLElement,
  start: Pick<Pane, "id" | "service"> & { label: string },
  told: Told,
): Made {
  const open = (uri: string) => {
    const address = webAddress(uri);
    if (address) window.open(address, "_blank", "noopener,noreferrer");
  };
  const screen = new Terminal({
    fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono"),
    fontSize: settingOf<number>("terminal.fontSize"),
    scrollback: settingOf<number>("terminal.scrollback"),
    screenReaderMode: settingOf<boolean>("terminal.screenReader"),
    cursorBlink: !window.matchMedia("(prefers-reduced-motion: reduce)").matches,
    minimumContrastRatio: 4.5,
    theme: colours(),
    allowProposedApi: true, // the search marks what it found by decorations, which are not final there
    rightClickSelectsWord: false,
    linkHandler: {
      activate: (_, uri) => open(uri),
      hover: (_, uri) => {
        place.title = uri; // a link's text may say one thing and its address another
      },
      leave: () => {
        place.title = "";
      },
    },
  });
  const fitter = new FitAddon();
  const search = new SearchAddon();
  screen.loadAddon(fitter);
  screen.loadAddon(search);
  screen.loadAddon(new WebLinksAddon((_, uri) => open(uri)));
  screen.registerLinkProvider({
    provideLinks: (row, answer) => answer(linksAt(bench, screen, row)),
  });
  refuseEndless(screen);
  screen.open(place);
  screen.textarea?.setAttribute("aria-label", `Input of ${start.label}`);
  drawnByGraphicsCard(screen);
  const refit = () => {
    if (place.offsetParent) fitter.fit();
  };
  refit();

  let theirs = false; // while the size is set as another viewer has it, it is not told
  const connection = new Connection(
    bench.sessionId,
    start.id,
    start.service,
    () => ({ cols: screen.cols, rows: screen.rows }),
    {
      attached: told.attached,
      output: (bytes, done) => screen.write(bytes, done),
      resized: (cols, rows) => {
        theirs = true;
        screen.resize(cols, rows);
        theirs = false;
      },
      ended: told.ended,
      trouble: told.trouble,
    },
  );
  const handle: Handle = {
    focus: () => screen.focus(),
    type: (text) => connection.type(text),
    find: told.find,
    clear: () => screen.clear(),
    copy: () => copyText(screen.getSelection()),
    paste: () => void readClipboard().then((text) => text && screen.paste(text)),
  };
  screen.attachCustomKeyEventHandler((event) => keyOf(event, screen, handle));
  const parts = [
    screen.onData((text) => connection.type(text)),
    screen.onBinary((text) => connection.bytes(text)),
    screen.onResize(({ cols, rows }) => theirs || connection.resize(cols, rows)),
    screen.onTitleChange((title) => told.title(cleanTitle(title))),
  ];
  let frame = 0;
  const watcher = new ResizeObserver(() => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(refit);
  });
  watcher.observe(place);
  const repaint = theme.subscribe(() => {
    screen.options.theme = colours();
  });
  const close = () => {
    cancelAnimationFrame(frame);
    watcher.disconnect();
    repaint();
    for (const part of parts) part.dispose();
    connection.close();
    screen.dispose();
  };
  return { screen, search, handle, fit: refit, close };
}

/** False for keys that the shell must not get. Pasting (Ctrl-Shift-V, Shift-Insert, ⌘V) is the browser's own. */
function keyOf(event: KeyboardEvent, screen: Terminal, handle: Handle): boolean {
  const copies =
    (event.ctrlKey && event.shiftKey && event.code === "KeyC") || (event.ctrlKey && event.key === "Insert");
  if (copies) {
    event.preventDefault();
    if (event.type === "keydown" && screen.hasSelection()) handle.copy();
    return false;
  }
  return !(event.ctrlKey && event.shiftKey && event.code === "KeyV");
}

/** Names of files in a row of the screen; a click opens them where they are. */
function linksAt(bench: Bench, screen: Terminal, row: number): ILink[] {
  const line = screen.buffer.active.getLine(row - 1)?.translateToString(true) ?? "";
  return fileLinks(line).map(({ from, to, path, line: at, column }) => ({
    range: { start: { x: from + 1, y: row }, end: { x: to, y: row } },
    text: path,
    activate: (event) => {
      if (!event.ctrlKey && !event.metaKey && window.matchMedia("(pointer: fine)").matches) return;
      files(bench.sessionId, { op: "stat", path }).then(
        () => bench.openFile(path, at === null ? null : { line: at, column: column ?? undefined }),
        () => undefined, // no such file: it only looked like one
      );
    },
  }));
}
