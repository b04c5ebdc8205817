// The middle: groups of tabs beside or above each other, each tab shown by the editor of its kind.
import { type DragEvent, type KeyboardEvent, type MouseEvent, Suspense, useEffect, useRef, useState } from "react";
import { Boundary } from "../parts/Boundary";
import { Arrival } from "./Arrival";
import type { Bench } from "./bench";
import { CommandButton, Menu, menuOf, Tool } from "./controls";
import { Icon } from "./icons";
import { focusTab, type Group, keepTab, moveTab, type Tab } from "./layout";
import { editors } from "./registry";
import { useSelected, useStore } from "./store";
import { Welcome } from "./Welcome";

const CARRIED = "application/x-codeyard-tab";

export function Editors({ bench }: { bench: Bench }) {
  const layout = useStore(bench.layout);
  return (
    <div className={`groups ${layout.stacked ? "stacked" : ""}`}>
      {layout.groups.map((group) => (
        <GroupView
          key={group.id}
          bench={bench}
          group={group}
          focused={group.id === layout.focused}
          alone={layout.groups.length === 1}
        />
      ))}
    </div>
  );
}

function GroupView({ bench, group, focused, alone }: { bench: Bench; group: Group; focused: boolean; alone: boolean }) {
  const [over, setOver] = useState(false);
  const focus = () => focused || bench.arrange({ focused: group.id });
  const drop = (event: DragEvent, before = "") => {
    setOver(false);
    const carried = event.dataTransfer.getData(CARRIED);
    if (!carried) return;
    event.preventDefault();
    event.stopPropagation();
    const { from, id } = JSON.parse(carried) as { from: number; id: string };
    bench.layout.set((old) => moveTab(old, from, id, group.id, before));
  };
  const drag = (event: DragEvent) => {
    if (!event.dataTransfer.types.includes(CARRIED)) return;
    event.preventDefault();
    setOver(true);
  };
  return (
    <section
      className={`group ${focused && !alone ? "focused" : ""} ${over ? "over" : ""}`}
      aria-label={alone ? "Editor" : `Editor group ${group.id}`}
      onFocusCapture={focus}
      onPointerDownCapture={focus}
      onDragOver={drag}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      {group.tabs.length > 0 && <TabBar bench={bench} group={group} drop={drop} />}
      <div className="stage">
        {group.tabs.map((tab) => (
          <TabBody key={tab.id} bench={bench} tab={tab} visible={tab.id === group.current} focused={focused} />
        ))}
        {group.tabs.length === 0 && <Welcome bench={bench} />}
      </div>
    </section>
  );
}

function TabBar({
  bench,
  group,
  drop,
}: {
  bench: Bench;
  group: Group;
  drop: (event: DragEvent, before: string) => void;
}) {
  const unsaved = useStore(bench.unsaved);
  const [menu, setMenu] = useState<{ x: number; y: number; tab: Tab } | null>(null);
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const tabs = bar.current;
    if (!tabs) return;
    const shown = () =>
      tabs
        .querySelector(`[data-tab="${CSS.escape(group.current)}"]`)
        ?.scrollIntoView({ inline: "nearest", block: "nearest" });
    const watched = new ResizeObserver(shown); // tells of its first size, too
    watched.observe(tabs);
    return () => watched.disconnect();
  }, [group.current]);
  const turn = (event: KeyboardEvent, at: number) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next = group.tabs[at + step];
    if (event.key === "Delete") void bench.close(group.tabs[at]?.id ?? "", group.id);
    else if (step && next) {
      bench.layout.set((old) => focusTab(old, group.id, next.id));
      bar.current?.querySelector<HTMLElement>(`[data-tab="${CSS.escape(next.id)}"]`)?.focus();
    } else return;
    event.preventDefault();
  };
  const names = new Map<string, number>();
  for (const tab of group.tabs) names.set(tab.title, (names.get(tab.title) ?? 0) + 1);
  return (
    <div className="tabbar">
      <div className="tabs" role="tablist" aria-label="Open editors" ref={bar}>
        {group.tabs.map((tab, at) => {
          const chosen = tab.id === group.current;
          const folder = (names.get(tab.title) ?? 0) > 1 ? tab.path?.split("/").slice(-2, -1)[0] : undefined;
          return (
            <div
              key={tab.id}
              data-tab={tab.id}
              className={`tab ${tab.preview ? "passing" : ""} ${unsaved.has(tab.id) ? "unsaved" : ""}`}
              role="tab"
              tabIndex={chosen ? 0 : -1}
              aria-selected={chosen}
              title={tab.path ?? tab.title}
              draggable
              onDragStart={(event) =>
                event.dataTransfer.setData(CARRIED, JSON.stringify({ from: group.id, id: tab.id }))
              }
              onDrop={(event) => drop(event, tab.id)}
              onClick={() => bench.layout.set((old) => focusTab(old, group.id, tab.id))}
              onDoubleClick={() => bench.layout.set((old) => keepTab(old, tab.id))}
              onAuxClick={(event: MouseEvent) => event.button === 1 && bench.close(tab.id, group.id)}
              onContextMenu={(event) => {
                event.preventDefault();
                setMenu({ x: event.clientX, y: event.clientY, tab });
              }}
              onKeyDown={(event) => turn(event, at)}
            >
              <Icon name={editors.get(tab.kind)?.icon ?? "file"} />
              <span className="tab-title">{tab.title}</span>
              {folder !== undefined && <span className="soft">{folder}</span>}
              {unsaved.has(tab.id) && <i className="dot" title="not saved" />}
            </div>
          );
        })}
      </div>
      <div className="tab-tools">
        <CommandButton bench={bench} id="editor.split" />
        {group.tabs.length > 0 && (
          <Tool
            icon="close"
            label={`Close ${group.tabs.find((tab) => tab.id === group.current)?.title ?? ""}`}
            keys="Alt-W"
            onClick={() => bench.close(group.current, group.id)}
          />
        )}
      </div>
      {menu && (
        <Menu
          at={menu}
          items={menuOf(
            bench,
            ["tab.close", "tab.closeOthers", "tab.keep", "line", "editor.split", "tab.copyPath", "tab.reveal"],
            menu.tab.id,
          )}
          onClose={() => setMenu(null)}
        />
      )}
    </div>
  );
}

function TabBody({ bench, tab, visible, focused }: { bench: Bench; tab: Tab; visible: boolean; focused: boolean }) {
  const kind = editors.get(tab.kind);
  const ready = useSelected(bench.info, (info) => info.session?.status === "ready");
  const [seen, setSeen] = useState(visible);
  useEffect(() => {
    if (visible) setSeen(true);
  }, [visible]);
  if (!ready || !(visible || (kind?.keeps && seen))) return null;
  if (!kind)
    return visible ? (
      <p className="empty soft">This page cannot show {tab.kind}; reload it, it may be older than the server.</p>
    ) : null;
  const Shown = kind.component;
  return (
    <div className="tab-body" hidden={!visible} role="tabpanel" aria-label={tab.title} tabIndex={-1}>
      <Boundary>
        <Suspense fallback={<div className="loading" role="progressbar" aria-label="Loading" />}>
          <Shown bench={bench} tab={tab} visible={visible} focused={focused} />
          {visible && <Arrival bench={bench} id={tab.id} />}
        </Suspense>
      </Boundary>
    </div>
  );
}
