// What is not committed: for each repository its branch, the box to commit with, and the changed files as a tree or a list.
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type MouseEvent, useCallback, useId, useMemo, useRef, useState } from "react";
import { Button, Notice } from "../parts/controls";
import { useMark } from "../parts/useMark";
import type { Bench } from "../shell/bench";
import { CommandButton, Menu, MenuButton, type MenuItem, ViewHead } from "../shell/controls";
import { Icon } from "../shell/icons";
import { useSetting } from "../shell/settings";
import { useStore } from "../shell/store";
import { chosenCount, type Taken, taken, takePaths } from "./choice";
import { Letter } from "./Letter";
import { sourceOf } from "./state";
import { type TreeRow, treeOf } from "./tree";
import type { Changed, Repository } from "./types";
import { plural, STATUS_WORDS } from "./words";

export default function Changes({ bench }: { bench: Bench }) {
  const source = sourceOf(bench);
  const { repositories, files, failure } = useStore(source.state);
  const several = (repositories?.length ?? 0) > 1;
  return (
    <div className="changes-view">
      <ViewHead title="Changes">
        <CommandButton bench={bench} id="source.review" />
        <CommandButton bench={bench} id="source.layout" />
        <CommandButton bench={bench} id="source.discardAll" />
        <MenuButton icon="more" label="More" items={() => moreOf(bench, repositories?.[0])} />
      </ViewHead>
      <Notice text={failure} />
      {!repositories && !failure && (
        <div className="loading" role="progressbar" aria-label="Looking what has changed" />
      )}
      {repositories?.map((repository) => (
        <Section
          key={repository.name}
          bench={bench}
          repository={repository}
          files={files[repository.name] ?? []}
          several={several}
        />
      ))}
    </div>
  );
}

function moreOf(bench: Bench, first: Repository | undefined): MenuItem[] {
  const source = sourceOf(bench);
  if (!first) return [];
  const one = (id: string, title: string, icon: "up" | "down" | "branch" | "snapshot", run: () => void): MenuItem => ({
    id,
    title,
    icon,
    run,
  });
  return [
    one("merge", "Merge another session…", "branch", () =>
      source.asking.set({ about: "merge", repository: first.name }),
    ),
    one("push", "Push to…", "up", () => source.asking.set({ about: "remote", verb: "push", repository: first.name })),
    one("pull", "Pull from…", "down", () =>
      source.asking.set({ about: "remote", verb: "pull", repository: first.name }),
    ),
    "line",
    one("snapshot", "Take a snapshot…", "snapshot", () => source.asking.set({ about: "snapshot" })),
  ];
}

function Section({
  bench,
  repository,
  files,
  several,
}: {
  bench: Bench;
  repository: Repository;
  files: Changed[];
  several: boolean;
}) {
  const source = sourceOf(bench);
  const [open, setOpen] = useState(true);
  const head = <BranchLine bench={bench} repository={repository} />;
  if (!several)
    return (
      <section aria-label={`Changes of ${repository.name}`}>
        {head}
        <CommitBox bench={bench} repository={repository} files={files} />
        <Tree bench={bench} repository={repository.name} files={files} />
      </section>
    );
  return (
    <section aria-label={`Changes of ${repository.name}`} className="repository">
      <div className="row repository-head">
        <button type="button" className="fold" aria-expanded={open} onClick={() => setOpen(!open)}>
          <Icon name="right" size={12} className={open ? "open" : ""} />
          <strong>{repository.name === "root" ? "Root" : repository.name}</strong>
          <span className="soft ellipsis">{repository.path}</span>
        </button>
        {files.length > 0 && <span className="count">{source.total(repository.name)}</span>}
      </div>
      {open && head}
      {open && files.length > 0 && <CommitBox bench={bench} repository={repository} files={files} />}
      {open && <Tree bench={bench} repository={repository.name} files={files} />}
    </section>
  );
}

/** Where one is, and how that stands to the remote. */
function BranchLine({ bench, repository }: { bench: Bench; repository: Repository }) {
  const source = sourceOf(bench);
  const busy = useStore(source.busy);
  const { name, branch, ahead, behind, remote_url } = repository;
  return (
    <div className="row branch-line">
      <Icon name="branch" size={14} />
      <code className="ellipsis" title={branch ?? "detached"}>
        {branch ?? "detached HEAD"}
      </code>
      {ahead !== null && behind !== null && (
        <span className="soft" title={`${plural(ahead, "commit")} to push, ${behind} to pull`}>
          ↑{ahead} ↓{behind}
        </span>
      )}
      <span className="grow" />
      {remote_url && (
        <>
          <Button
            kind="quiet"
            disabled={busy !== ""}
            title={`Pull from ${remote_url}`}
            onClick={() => source.pull(name)}
          >
            {busy === "Pulling" ? "Pulling…" : "Pull"}
          </Button>
          <Button kind="quiet" disabled={busy !== ""} title={`Push to ${remote_url}`} onClick={() => source.push(name)}>
            {busy === "Pushing" ? "Pushing…" : "Push"}
          </Button>
        </>
      )}
    </div>
  );
}

function CommitBox({ bench, repository, files }: { bench: Bench; repository: Repository; files: Changed[] }) {
  const source = sourceOf(bench);
  const { name, branch } = repository;
  const message = useStore(source.messages)[name] ?? "";
  useStore(source.choices);
  const busy = useStore(source.busy);
  const choice = source.choice(name);
  const total = source.total(name);
  const whole = choice.left.size === 0 && choice.parts.size === 0;
  const count = whole ? total : chosenCount(choice, files);
  const what =
    choice.parts.size > 0
      ? "Commit what is chosen"
      : count < total
        ? `Commit ${count.toLocaleString()} of ${total.toLocaleString()}`
        : "Commit";
  const able = message.trim() !== "" && count > 0 && busy === "" && branch !== null;
  return (
    <form
      className="commit"
      onSubmit={(event) => {
        event.preventDefault();
        if (able) void source.commit(name);
      }}
    >
      <textarea
        aria-label="Commit message"
        placeholder="What changed, and why"
        rows={Math.min(8, Math.max(2, message.split("\n").length))}
        value={message}
        onChange={(event) => source.messages.set((old) => ({ ...old, [name]: event.target.value }))}
        onKeyDown={(event) => {
          if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && able) void source.commit(name);
        }}
      />
      <div className="row">
        <Button kind="quiet" onClick={() => source.propose(name)} disabled={count === 0 || busy !== ""}>
          Propose
        </Button>
        <Button type="submit" kind="main" disabled={!able} title="Ctrl/⌘ Enter">
          {busy === "Committing" ? "Committing…" : what}
        </Button>
      </div>
      {branch === null && (
        <small className="soft">On no branch: in a terminal, git switch to one, or git switch -c NAME.</small>
      )}
      {files.length < total && (
        <small className="soft">
          {`The first ${files.length.toLocaleString()} of ${total.toLocaleString()} changed files are listed. `}
          {whole ? "A commit takes them all; with one left out, of these alone. " : "A commit takes of these alone. "}
          What does not belong into it may go into .gitignore.
        </small>
      )}
    </form>
  );
}

const MARK: Record<Taken, "true" | "false" | "mixed"> = { all: "true", none: "false", some: "mixed" };

function Tree({ bench, repository, files }: { bench: Bench; repository: string; files: Changed[] }) {
  const source = sourceOf(bench);
  useStore(source.choices);
  const choice = source.choice(repository);
  const flat = useSetting<string>("source.layout") === "list";
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [menu, setMenu] = useState<{ x: number; y: number; row: TreeRow } | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  const rows = useMemo(() => treeOf(files, closed, flat), [files, closed, flat]);
  const keys = useMemo(() => rows.map((row) => `${row.kind}:${row.path}`), [rows]);
  const [at, setAt] = useMark(keys);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => 26,
    getItemKey: (n) => keys[n] ?? n,
    overscan: 20,
    useFlushSync: false,
  });

  const markOf = (row: TreeRow): Taken => {
    const marks = new Set((row.kind === "file" ? [row.path] : row.paths).map((path) => taken(choice, path)));
    return marks.size === 1 ? ([...marks][0] as Taken) : "some";
  };
  const pathsOf = (row: TreeRow) => (row.kind === "file" ? [row.path] : row.paths);
  const toggle = (row: TreeRow) =>
    source.choose(repository, (old) => takePaths(old, pathsOf(row), markOf(row) !== "all"));
  const look = useCallback(
    (row: TreeRow, keep: boolean) => {
      if (row.kind === "file") bench.run("source.diff", { repository, path: row.path, keep });
      else
        setClosed(
          (old) => new Set(old.has(row.path) ? [...old].filter((one) => one !== row.path) : [...old, row.path]),
        );
    },
    [bench, repository],
  );
  const discard = (row: TreeRow) => {
    const paths = row.kind === "file" ? [row.path, ...(row.file.old_path ? [row.file.old_path] : [])] : row.paths;
    void source.discard(repository, { paths }, row.kind === "file" ? row.path : plural(row.paths.length, "file"));
  };
  const fold = (row: TreeRow | undefined, open: boolean) =>
    row?.kind === "folder" && row.open !== open && look(row, false);
  const key = (event: KeyboardEvent) => {
    const row = rows[at];
    const go = (to: number) => {
      const next = Math.max(0, Math.min(rows.length - 1, to));
      setAt(next);
      list.scrollToIndex(next);
    };
    if (!row) return;
    if (event.key === "ArrowDown") go(at + 1);
    else if (event.key === "ArrowUp") go(at - 1);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(rows.length - 1);
    else if (event.key === "Enter") look(row, true);
    else if (event.key === " ") toggle(row);
    else if (event.key === "ArrowRight") fold(row, true);
    else if (event.key === "ArrowLeft") fold(row, false);
    else if (event.key === "Delete" || event.key === "Backspace") discard(row);
    else return;
    event.preventDefault();
  };
  const itemsOf = (row: TreeRow): MenuItem[] => [
    {
      id: "diff",
      title: row.kind === "file" ? "Show the difference" : "Fold",
      icon: "changes",
      run: () => look(row, true),
    },
    ...(row.kind === "file" && row.file.status !== "deleted"
      ? [
          {
            id: "open",
            title: "Open the file",
            icon: "file" as const,
            run: () => openFile(bench, repository, row.path),
          },
        ]
      : []),
    {
      id: "only",
      title: "Take only this into the commit",
      icon: "check",
      run: () =>
        source.choose(repository, (old) =>
          takePaths(
            takePaths(
              old,
              files.map((file) => file.path),
              false,
            ),
            pathsOf(row),
            true,
          ),
        ),
    },
    "line",
    { id: "discard", title: "Discard", icon: "undo", danger: true, run: () => discard(row) },
  ];
  const ask = (event: MouseEvent, row: TreeRow, n: number) => {
    event.preventDefault();
    setAt(n);
    setMenu({ x: event.clientX, y: event.clientY, row });
  };

  if (files.length === 0) return <p className="soft empty">Nothing has changed since the last commit.</p>;
  return (
    <>
      {menu && <Menu at={menu} items={itemsOf(menu.row)} onClose={() => setMenu(null)} />}
      <div
        className="changed-tree"
        role="tree"
        aria-label="Changed files"
        aria-multiselectable="false"
        tabIndex={0}
        ref={box}
        aria-activedescendant={rows[at] ? `${id}-${at}` : undefined}
        onKeyDown={key}
      >
        <div role="presentation" style={{ height: list.getTotalSize() }}>
          {list.getVirtualItems().map((item) => {
            const row = rows[item.index] as TreeRow;
            const mark = markOf(row);
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the tree takes the keys
              // biome-ignore lint/a11y/useFocusableInteractive: the tree has the focus, aria-activedescendant names the row
              <div
                key={item.key}
                id={`${id}-${item.index}`}
                role="treeitem"
                aria-level={row.depth + 1}
                aria-checked={MARK[mark]}
                aria-expanded={row.kind === "folder" ? row.open : undefined}
                aria-selected={item.index === at}
                aria-label={calledOf(row, flat)}
                className={`changed-row ${row.kind} ${row.kind === "file" ? row.file.status : ""}`}
                style={{
                  transform: `translateY(${item.start}px)`,
                  paddingLeft: 10 + row.depth * 14,
                }}
                title={row.kind === "file" && row.file.old_path ? `${row.file.old_path} → ${row.path}` : row.path}
                onClick={() => {
                  setAt(item.index);
                  look(row, false);
                }}
                onDoubleClick={() => row.kind === "file" && look(row, true)}
                onContextMenu={(event) => ask(event, row, item.index)}
              >
                {row.kind === "folder" && <Icon name="right" size={12} className={row.open ? "open" : ""} />}
                {/* biome-ignore lint/a11y/useKeyWithClickEvents: Space does it on the row */}
                {/* biome-ignore lint/a11y/noStaticElementInteractions: the row says whether it is checked */}
                <span
                  className={`box ${mark}`}
                  title={mark === "all" ? "Leave out of the commit (Space)" : "Take into the commit (Space)"}
                  onClick={(event) => {
                    event.stopPropagation();
                    setAt(item.index);
                    toggle(row);
                  }}
                >
                  {mark === "all" && <Icon name="check" size={10} />}
                  {mark === "some" && <Icon name="minus" size={10} />}
                </span>
                <Name row={row} flat={flat} />
                <RowTools
                  row={row}
                  onOpen={() => openFile(bench, repository, row.path)}
                  onDiscard={() => discard(row)}
                />
                {row.kind === "file" && <Letter status={row.file.status} />}
              </div>
            );
          })}
        </div>
      </div>
    </>
  );
}

/** Begins with what is seen, so that one can say it. */
function calledOf(row: TreeRow, flat: boolean): string {
  if (row.kind === "folder") return `${row.path}, folder`;
  const cut = row.path.lastIndexOf("/");
  const name = flat && cut > 0 ? `${row.path.slice(cut + 1)} ${row.path.slice(0, cut)}` : row.path;
  return `${name}, ${STATUS_WORDS[row.file.status]}`;
}

function Name({ row, flat }: { row: TreeRow; flat: boolean }) {
  if (!flat || row.kind === "folder") return <span className="name">{row.name}</span>;
  const cut = row.path.lastIndexOf("/");
  return (
    <span className="name">
      {row.path.slice(cut + 1)} {cut > 0 && <span className="soft">{row.path.slice(0, cut)}</span>}
    </span>
  );
}

/** For the mouse; keys have Enter and Delete. */
function RowTools({ row, onOpen, onDiscard }: { row: TreeRow; onOpen: () => void; onDiscard: () => void }) {
  const tool = (title: string, icon: "file" | "undo", run: () => void) => (
    <button
      type="button"
      className="tool"
      tabIndex={-1}
      aria-label={`${title} ${row.path}`}
      title={title}
      onClick={(event) => {
        event.stopPropagation();
        run();
      }}
    >
      <Icon name={icon} size={14} />
    </button>
  );
  return (
    <span className="tools">
      {row.kind === "file" && row.file.status !== "deleted" && tool("Open", "file", onOpen)}
      {tool("Discard", "undo", onDiscard)}
    </span>
  );
}

/** The file's path in the working copy, which holds the repository in a folder. */
export function openFile(bench: Bench, repository: string, path: string, line?: number): void {
  const folder = sourceOf(bench)
    .state.get()
    .repositories?.find((one) => one.name === repository)?.path;
  bench.openFile(folder ? `${folder}/${path}` : path, line ?? null);
}
