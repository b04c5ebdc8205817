// The files of a session: folders open lazily, only the rows in sight are drawn; new, rename, move, delete by keys and menu.

import {
  type DragEvent,
  type KeyboardEvent,
  type MouseEvent,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { ask, type Entry, type Refused } from "../api";
import { inTurn, soon } from "../inTurn";
import { Notice } from "../parts/controls";
import { useRows } from "../parts/useRows";
import type { Bench } from "../shell/bench";
import { Menu, type MenuItem, Tool, ViewHead } from "../shell/controls";
import { Icon, type IconName } from "../shell/icons";
import { isIn } from "../shell/layout";
import { useSelected } from "../shell/store";
import * as entries from "./entries";
import { above, iconOf, type Row, rowsOf } from "./tree";

const HEIGHT = 24;
const CARRIED = "application/x-codeyard-path";

/** The folders that were read, kept true: read again when something in them changed. */
function useFolders(bench: Bench) {
  const kept = `folders.${bench.sessionId}`;
  const [folders, setFolders] = useState<Record<string, Entry[]>>({});
  const [open, setOpen] = useState<Set<string>>(() => new Set(JSON.parse(localStorage.getItem(kept) ?? "[]")));
  const [failure, setFailure] = useState("");

  const read = useMemo(() => {
    const look = async (path: string) => {
      try {
        const found = await ask<{ entries: Entry[] }>(`/workspace/${bench.sessionId}/file-tree`, { path, depth: 1 });
        const rows = found.entries.filter((entry) => entry.name !== ".git");
        const order = new Intl.Collator(undefined, { numeric: true }).compare;
        rows.sort((a, b) => Number(b.type === "directory") - Number(a.type === "directory") || order(a.name, b.name));
        setFolders((old) => ({ ...old, [path]: rows }));
        setFailure("");
      } catch (error) {
        const refused = error as Refused;
        if (refused.code === "not_found" || refused.code === "not_a_directory")
          setOpen((old) => new Set([...old].filter((other) => other !== path)));
        else setFailure(refused.message);
      }
    };
    const turns = new Map<string, () => Promise<void>>(); // each folder has one of its own
    return (path: string) => {
      const turn = turns.get(path) ?? inTurn(() => look(path));
      turns.set(path, turn);
      return turn();
    };
  }, [bench]);
  useEffect(() => localStorage.setItem(kept, JSON.stringify([...open].slice(0, 500))), [kept, open]);
  const latest = useRef(open);
  latest.current = open;
  useEffect(() => {
    let stale: Set<string> | null = null; // null: all of them
    const lost = new Set<string>();
    const look = () => {
      const some = stale;
      stale = new Set();
      const open = ["", ...latest.current].filter((path) => ![...lost].some((one) => isIn(path, one)));
      if (open.length <= latest.current.size) setOpen(new Set(open.slice(1)));
      lost.clear();
      return Promise.all(open.filter((path) => some === null || some.has(path)).map(read));
    };
    void look();
    const again = soon(50, look);
    const hear = () => {
      const { paths, gone } = bench.touched.get();
      if (paths === null) stale = null;
      for (const path of paths ?? []) {
        stale?.add(path).add(above(path));
        lost.delete(path);
      }
      for (const path of gone) lost.add(path);
      again();
    };
    const leave = bench.touched.subscribe(hear);
    return () => {
      leave();
      again.end();
    };
  }, [bench, read]);

  const unfold = useCallback(
    (path: string, to?: boolean) => {
      const opens = to ?? !latest.current.has(path);
      if (opens) void read(path);
      setOpen((old) => {
        const next = new Set(old);
        if (opens) next.add(path);
        else next.delete(path);
        return next;
      });
    },
    [read],
  );
  /** A folder that goes elsewhere, or away (null), takes along which of those in it are open. */
  const take = useCallback((from: string, to: string | null) => {
    const there = (path: string) => (!isIn(path, from) ? [path] : to === null ? [] : [to + path.slice(from.length)]);
    setOpen((old) => new Set([...old].flatMap(there)));
  }, []);
  return { folders, open, failure, read, unfold, take, fold: () => setOpen(new Set<string>()) };
}

export default function FileTree({ bench }: { bench: Bench }) {
  const writes = useSelected(bench.info, () => bench.may("files:write"));
  const { folders, open, failure, read, unfold, take, fold } = useFolders(bench);
  const current = useSelected(bench.layout, () => bench.tab?.path ?? "");
  const [selected, setSelected] = useState(current);
  const [menu, setMenu] = useState<{ x: number; y: number; entry: Entry | null } | null>(null);
  const [over, setOver] = useState("");
  const rows = useMemo(() => rowsOf(folders, open), [folders, open]);
  const box = useRef<HTMLDivElement>(null);
  const list = useRows(rows.length, box, HEIGHT);
  const items = list.getVirtualItems();
  const at = useMemo(() => rows.findIndex((row) => row.entry.path === selected), [rows, selected]);
  const entry = rows[at]?.entry;

  // The file in front is shown in its folder.
  useEffect(() => {
    if (!current) return;
    setSelected(current);
    for (let folder = above(current); folder; folder = above(folder)) unfold(folder, true);
  }, [current, unfold]);
  useEffect(() => {
    if (at >= 0) list.scrollToIndex(at);
  }, [at, list]);

  const act = (one: Entry, keep = false) =>
    one.type === "directory" ? unfold(one.path) : bench.openFile(one.path, null, !keep);
  const folder = entry?.type === "directory" ? entry.path : above(selected);
  const make = async (kind: "file" | "folder", inside: string) => {
    const label = inside ? `Name in ${inside}` : "Name";
    const name = await bench.questions.prompt(`New ${kind}`, { label, value: "" }, "Create");
    if (!name || !(await entries.make(bench, kind, inside ? `${inside}/${name}` : name))) return;
    if (inside) unfold(inside, true);
    await read(inside);
  };
  const moved = async (path: string, to: string) => {
    setSelected(to);
    take(path, to);
    await Promise.all([read(above(path)), read(above(to))]);
  };
  const rename = async ({ path }: Entry) => {
    const to = await entries.rename(bench, path);
    if (to) await moved(path, to);
  };
  const remove = async ({ path }: Entry) => {
    if (!(await entries.remove(bench, path))) return;
    take(path, null);
    await read(above(path));
  };

  const key = (event: KeyboardEvent) => {
    const select = (next: number) => setSelected(rows[Math.max(0, Math.min(next, rows.length - 1))]?.entry.path ?? "");
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) {
      const row = box.current?.querySelector(`#leaf-${at}`) ?? event.currentTarget;
      const { left, bottom } = row.getBoundingClientRect();
      setMenu({ x: left + 24, y: bottom, entry: entry ?? null });
      return event.preventDefault();
    }
    if (event.key === "ArrowDown") select(at + 1);
    else if (event.key === "ArrowUp") select(at - 1);
    else if (event.key === "Home") select(0);
    else if (event.key === "End") select(rows.length - 1);
    else if (event.key === "PageDown") select(at + 20);
    else if (event.key === "PageUp") select(at - 20);
    else if (!entry) return;
    else if (event.key === "Enter") act(entry, true);
    else if (event.key === " ") act(entry);
    else if (event.key === "ArrowRight" && entry.type === "directory" && !open.has(entry.path))
      unfold(entry.path, true);
    else if (event.key === "ArrowLeft" && open.has(entry.path)) unfold(entry.path, false);
    else if (event.key === "ArrowLeft" && above(entry.path)) setSelected(above(entry.path));
    else if (event.key === "F2" && writes) void rename(entry);
    else if (event.key === "Delete" && writes) void remove(entry);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const drop = (event: DragEvent, target: string) => {
    const path = event.dataTransfer.getData(CARRIED);
    setOver("");
    if (!path || isIn(target, path)) return;
    event.preventDefault();
    const to = [target, path.split("/").pop()].filter(Boolean).join("/");
    void entries.move(bench, path, to).then((done) => (done ? moved(path, to) : undefined));
  };
  const menuOf = (one: Entry | null): MenuItem[] => {
    const inside = one === null ? "" : one.type === "directory" ? one.path : above(one.path);
    const copy: MenuItem[] = one
      ? [{ id: "copy", title: "Copy the path", icon: "copy", run: () => void navigator.clipboard?.writeText(one.path) }]
      : [];
    if (!writes) return copy;
    const always: MenuItem[] = [
      { id: "file", title: "New file", icon: "file", run: () => void make("file", inside) },
      { id: "folder", title: "New folder", icon: "folder", run: () => void make("folder", inside) },
    ];
    if (!one) return always;
    return [
      ...always,
      "line",
      ...copy,
      { id: "rename", title: "Rename", icon: "pencil", keys: "F2", run: () => void rename(one) },
      { id: "delete", title: "Delete", icon: "trash", keys: "Delete", danger: true, run: () => void remove(one) },
    ];
  };
  const asked = (event: MouseEvent, one: Entry | null) => {
    event.preventDefault();
    event.stopPropagation();
    if (menuOf(one).length === 0) return;
    if (one) setSelected(one.path);
    setMenu({ x: event.clientX, y: event.clientY, entry: one });
  };
  return (
    <div className="tree-view">
      <ViewHead title="Files">
        {writes && <Tool icon="file" label="New file" onClick={() => make("file", folder)} />}
        {writes && <Tool icon="folder" label="New folder" onClick={() => make("folder", folder)} />}
        <Tool icon="minus" label="Fold all folders" onClick={fold} />
      </ViewHead>
      <Notice text={failure} />
      <div
        className={`tree ${over === "/" ? "over" : ""}`}
        role="tree"
        aria-label="Files"
        aria-activedescendant={entry ? `leaf-${at}` : undefined}
        tabIndex={0}
        ref={box}
        onKeyDown={key}
        onContextMenu={(event) => asked(event, null)}
        onDragOver={(event) => {
          if (!event.dataTransfer.types.includes(CARRIED)) return;
          event.preventDefault();
          setOver("/");
        }}
        onDrop={(event) => drop(event, "")}
      >
        <div role="none" style={{ height: list.getTotalSize(), paddingTop: items[0]?.start }}>
          {items.map(({ index }) => {
            const { entry: one, depth } = rows[index] as Row;
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the tree itself listens to the keys
              <div
                key={one.path}
                id={`leaf-${index}`}
                role="treeitem"
                tabIndex={-1}
                aria-level={depth + 1}
                aria-selected={one.path === selected}
                aria-expanded={one.type === "directory" ? open.has(one.path) : undefined}
                className={`leaf ${one.ignored ? "ignored" : ""} ${one.path === current ? "current" : ""} ${one.path === over ? "over" : ""}`}
                style={{ paddingLeft: 12 + depth * 14, height: HEIGHT }}
                draggable
                onDragStart={(event) => event.dataTransfer.setData(CARRIED, one.path)}
                onDragOver={(event) => {
                  if (!event.dataTransfer.types.includes(CARRIED)) return;
                  event.preventDefault();
                  event.stopPropagation();
                  setOver(one.type === "directory" ? one.path : above(one.path) || "/");
                }}
                onDragEnd={() => setOver("")}
                onDrop={(event) => {
                  event.stopPropagation();
                  drop(event, one.type === "directory" ? one.path : above(one.path));
                }}
                onContextMenu={(event) => asked(event, one)}
                onClick={() => {
                  setSelected(one.path);
                  act(one);
                }}
                onDoubleClick={() => one.type !== "directory" && act(one, true)}
              >
                <Glyph of={one} open={open.has(one.path)} />
                <span className="name">{one.name}</span>
                <span className="tools">
                  <Tool
                    icon="pencil"
                    label={`Rename ${one.path}`}
                    keys="F2"
                    tabIndex={-1}
                    onClick={() => rename(one)}
                  />
                  <Tool
                    icon="trash"
                    label={`Delete ${one.path}`}
                    keys="Delete"
                    tabIndex={-1}
                    onClick={() => remove(one)}
                  />
                </span>
              </div>
            );
          })}
        </div>
        {folders[""]?.length === 0 && <p className="soft empty">No files yet.</p>}
      </div>
      {menu && <Menu at={menu} items={menuOf(menu.entry)} onClose={() => setMenu(null)} />}
    </div>
  );
}

function Glyph({ of, open }: { of: Entry; open: boolean }) {
  if (of.type === "directory") return <Icon name={open ? "unfold" : "right"} size={12} className="fold" />;
  const { icon, hue } = iconOf(of);
  return (
    <span className="file-glyph" style={hue === null ? undefined : ({ "--hue": hue } as React.CSSProperties)}>
      <Icon name={icon as IconName} size={14} />
    </span>
  );
}
