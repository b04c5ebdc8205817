// The log: commits newest first with their lanes, more as one scrolls, by words, author and path.

import { type KeyboardEvent, type MouseEvent, useCallback, useEffect, useId, useMemo, useRef, useState } from "react";
import { ask, type Page, type Refused } from "../api";
import { Notice } from "../parts/controls";
import { useMark } from "../parts/useMark";
import { useRows } from "../parts/useRows";
import type { Bench } from "../shell/bench";
import { Menu, type MenuItem, Tool } from "../shell/controls";
import { useStore } from "../shell/store";
import { Graph, graphWidth } from "./Graph";
import { graphOf } from "./graph";
import { openCommit, openCompare } from "./open";
import { Refs } from "./Refs";
import { sourceOf } from "./state";
import type { Commit } from "./types";
import { ago, inFull } from "./words";

const HEIGHT = 44;
const PAUSE = 250;
type Filter = { query: string; author: string; path: string; all: boolean };
const NOTHING: Filter = { query: "", author: "", path: "", all: true };
const isFiltered = (filter: Filter) => Boolean(filter.query || filter.author || filter.path);

export function Log({ bench, repository }: { bench: Bench; repository: string }) {
  const source = sourceOf(bench);
  const { repositories } = useStore(source.state);
  const head = repositories?.find((row) => row.name === repository)?.head ?? "";
  const [filter, setFilter] = useState(NOTHING);
  const [wanted, setWanted] = useState(NOTHING); // the filter once nobody types
  const [more, setMore] = useState(false);
  const [failure, setFailure] = useState("");
  const [commits, setCommits] = useState<Commit[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const asked = useRef<object | null>(null); // what is under way and counts

  useEffect(() => {
    const timer = window.setTimeout(() => setWanted(filter), PAUSE);
    return () => window.clearTimeout(timer);
  }, [filter]);
  const load = useCallback(
    async (from: string) => {
      const { query, author, path, all } = wanted;
      if (from && asked.current) return; // the same once more, or what follows on a page that is just coming anew
      const mine = {};
      asked.current = mine;
      const words = { ...(query && { query }), ...(author && { author }), ...(path && { path }) };
      try {
        const page = await ask<Page<Commit>>(`${source.base}/log`, {
          limit: 100,
          cursor: from,
          all,
          repository,
          ...words,
        });
        if (asked.current !== mine) return;
        setCommits((old) => (from ? [...(old ?? []), ...page.items] : page.items));
        setCursor(page.next_cursor);
        setFailure("");
      } catch (error) {
        if (asked.current === mine) setFailure((error as Refused).message);
      } finally {
        if (asked.current === mine) asked.current = null;
      }
    },
    [source, repository, wanted],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: another head is another log
  useEffect(() => {
    void load("");
  }, [load, head]);

  const field = (name: "query" | "author" | "path", label: string) => (
    <input
      type="search"
      aria-label={label}
      placeholder={label}
      value={filter[name]}
      onChange={(event) => setFilter((old) => ({ ...old, [name]: event.target.value }))}
    />
  );
  return (
    <>
      <div className="log-filter">
        <div className="row">
          {field("query", "Search messages")}
          <Tool icon="filter" label="By author and path" aria-expanded={more} onClick={() => setMore(!more)} />
          <Tool
            icon="branch"
            label={filter.all ? "Show this branch alone" : "Show all branches"}
            aria-pressed={filter.all}
            onClick={() => setFilter((old) => ({ ...old, all: !old.all }))}
          />
        </div>
        {more && field("author", "Author")}
        {more && field("path", "Path")}
      </div>
      <Notice text={failure} />
      {commits?.length === 0 && <p className="soft empty">No commit fits.</p>}
      {commits && commits.length > 0 && (
        <Commits
          bench={bench}
          repository={repository}
          commits={commits}
          lanes={!isFiltered(wanted)}
          head={head}
          onEnd={() => cursor && void load(cursor)}
        />
      )}
    </>
  );
}

type CommitsProps = {
  bench: Bench;
  repository: string;
  commits: Commit[];
  lanes: boolean;
  head: string;
  onEnd: () => void;
};

function Commits({ bench, repository, commits, lanes, head, onEnd }: CommitsProps) {
  const source = sourceOf(bench);
  const box = useRef<HTMLDivElement>(null);
  const [at, setAt] = useMark(useMemo(() => commits.map((commit) => commit.id), [commits]));
  const [menu, setMenu] = useState<{ x: number; y: number; commit: Commit } | null>(null);
  const id = useId();
  const graph = useMemo(() => (lanes ? graphOf(commits) : []), [commits, lanes]);
  const list = useRows(commits.length, box, HEIGHT);
  const items = list.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= commits.length - 20) onEnd();
  }, [last, commits.length, onEnd]);

  const key = (event: KeyboardEvent) => {
    const go = (to: number) => {
      const next = Math.max(0, Math.min(commits.length - 1, to));
      setAt(next);
      list.scrollToIndex(next);
    };
    const commit = commits[at];
    if (event.key === "ArrowDown") go(at + 1);
    else if (event.key === "ArrowUp") go(at - 1);
    else if (event.key === "PageDown") go(at + 10);
    else if (event.key === "PageUp") go(at - 10);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(commits.length - 1);
    else if (event.key === "Enter" && commit) openCommit(bench, repository, commit.id, false);
    else return;
    event.preventDefault();
  };
  const itemsOf = (commit: Commit): MenuItem[] => {
    const subject = commit.message.split("\n")[0] ?? "";
    const short = commit.id.slice(0, 8);
    return [
      { id: "open", title: "Open", icon: "commit", run: () => openCommit(bench, repository, commit.id, false) },
      {
        id: "compare",
        title: "Compare with the branch",
        icon: "changes",
        run: () =>
          openCompare(bench, {
            repository,
            from: commit.id,
            to: head || "HEAD",
            fromName: short,
            toName: "this branch",
          }),
      },
      { id: "copy", title: "Copy its id", icon: "copy", run: () => void navigator.clipboard?.writeText(commit.id) },
      "line",
      {
        id: "back",
        title: "Roll back to this…",
        icon: "undo",
        run: () => source.asking.set({ about: "rollback", commit: commit.id, subject, repository }),
      },
    ];
  };
  const ask = (event: MouseEvent, commit: Commit) => {
    event.preventDefault();
    setMenu({ x: event.clientX, y: event.clientY, commit });
  };
  const widest = Math.max(0, ...items.map((item) => graph[item.index]?.lanes ?? 0));
  return (
    <>
      <div
        className="log"
        role="listbox"
        aria-label="Commits"
        tabIndex={0}
        ref={box}
        aria-activedescendant={items.some((item) => item.index === at) ? `${id}-${at}` : undefined}
        onKeyDown={key}
      >
        <div style={{ height: list.getTotalSize() }} role="presentation">
          {items.map((item) => {
            const commit = commits[item.index] as Commit;
            const row = graph[item.index];
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the list takes the keys
              // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus, aria-activedescendant names the row
              <div
                key={commit.id}
                id={`${id}-${item.index}`}
                role="option"
                aria-selected={item.index === at}
                className={`commit-row ${commit.id === head ? "here" : ""}`}
                style={{ transform: `translateY(${item.start}px)` }}
                title={`${commit.message.trim()}\n\n${commit.author.name} <${commit.author.email}>\n${inFull(commit.time)}`}
                onClick={() => {
                  setAt(item.index);
                  openCommit(bench, repository, commit.id);
                }}
                onDoubleClick={() => openCommit(bench, repository, commit.id, false)}
                onContextMenu={(event) => ask(event, commit)}
              >
                {row && (
                  <span className="lanes" style={{ width: graphWidth(widest) }}>
                    <Graph row={row} height={HEIGHT} merge={commit.parents.length > 1} />
                  </span>
                )}
                <span className="told">
                  <span className="subject">
                    <span className="ellipsis">{commit.message.split("\n")[0]}</span>
                  </span>
                  <span className="soft small">
                    <Refs names={commit.refs} />
                    <span className="ellipsis">
                      {commit.author.name} · {ago(commit.time)} · <code>{commit.id.slice(0, 8)}</code>
                    </span>
                  </span>
                </span>
              </div>
            );
          })}
        </div>
      </div>
      {menu && <Menu at={menu} items={itemsOf(menu.commit)} onClose={() => setMenu(null)} />}
    </>
  );
}
