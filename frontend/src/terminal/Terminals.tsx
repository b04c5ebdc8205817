// The panel of terminals: tabs, each with up to four beside one another.
import { type KeyboardEvent, type MouseEvent, useEffect, useState } from "react";
import { Button, Notice } from "../parts/controls";
import type { Bench } from "../shell/bench";
import { CommandButton, Menu, type MenuItem, menuOf } from "../shell/controls";
import { Icon } from "../shell/icons";
import { useSelected, useStore } from "../shell/store";
import { canPaste } from "./clipboard";
import { Screen } from "./Screen";
import { terminalsOf } from "./state";
import type { Pane, Tab } from "./tabs";

export default function Terminals({ bench }: { bench: Bench }) {
  const terminals = terminalsOf(bench);
  const open = useStore(terminals.open);
  const failure = useStore(terminals.failure);
  const shown = useSelected(bench.layout, (layout) => layout.panel === "terminals");
  const [menu, setMenu] = useState<{ x: number; y: number } | null>(null);
  useEffect(() => {
    void terminals.load();
  }, [terminals]);

  const ask = (event: MouseEvent, pane: Pane) => {
    event.preventDefault();
    terminals.focus(pane.key);
    setMenu({ x: event.clientX, y: event.clientY });
  };
  const numbers = new Map(open.tabs.flatMap((tab) => tab.panes).map((pane, at) => [pane.key, at + 1]));
  const label = (pane: Pane) => labelOf(pane, numbers.get(pane.key) ?? 0);
  return (
    <div className="terminals">
      <div className="term-bar">
        <div className="tabs" role="tablist" aria-label="Terminals">
          {open.tabs.map((tab) => (
            <TabHead key={tab.key} bench={bench} tab={tab} selected={tab.key === open.current} label={label} />
          ))}
        </div>
        <CommandButton bench={bench} id="terminal.new" />
        <CommandButton bench={bench} id="terminal.split" />
        <CommandButton bench={bench} id="terminal.find" />
        <CommandButton bench={bench} id="terminal.close" />
      </div>
      <Notice text={failure}>
        <Button onClick={() => void terminals.load()}>Try again</Button>
      </Notice>
      {open.tabs.length === 0 && !failure && (
        <p className="soft empty">
          {bench.may("terminals:write")
            ? "No terminal is open. Alt T opens one."
            : "Your role here opens no terminals."}
        </p>
      )}
      {open.tabs.map((tab) => (
        <div
          key={tab.key}
          className="panes"
          hidden={tab.key !== open.current}
          role="tabpanel"
          aria-label={tab.panes.map(label).join(", ")}
        >
          {tab.panes.map((pane) => (
            // biome-ignore lint/a11y/noStaticElementInteractions: a menu for the mouse; keys have commands
            <div
              key={pane.key}
              className={`pane ${pane.key === tab.current && tab.panes.length > 1 ? "front" : ""}`}
              onContextMenu={(event) => ask(event, pane)}
            >
              <Screen
                bench={bench}
                pane={pane}
                label={label(pane)}
                visible={shown && tab.key === open.current}
                focused={pane.key === tab.current}
              />
            </div>
          ))}
        </div>
      ))}
      {menu && <Menu at={menu} items={itemsOf(bench)} onClose={() => setMenu(null)} />}
    </div>
  );
}

const itemsOf = (bench: Bench): MenuItem[] =>
  menuOf(bench, [
    "terminal.copy",
    ...(canPaste() ? ["terminal.paste"] : []),
    "line",
    "terminal.find",
    "terminal.clear",
    "line",
    "terminal.split",
    "terminal.new",
    "terminal.close",
  ]);

/** What it is called: where it runs or its number, and what its program calls itself. */
function labelOf(pane: Pane, number: number): string {
  const name = pane.service ? `Shell in ${pane.service.name || "a service"}` : `Terminal ${number}`;
  return pane.title ? `${name} ${pane.title}` : name;
}

function TabHead({
  bench,
  tab,
  selected,
  label,
}: {
  bench: Bench;
  tab: Tab;
  selected: boolean;
  label: (pane: Pane) => string;
}) {
  const terminals = terminalsOf(bench);
  const front = tab.panes.find((pane) => pane.key === tab.current) ?? tab.panes[0];
  if (!front) return null;
  const choose = () => terminals.focus(front.key);
  const end = () => {
    for (const pane of tab.panes) terminals.end(pane);
  };
  const key = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget) return;
    if (event.key === "Enter" || event.key === " ") choose();
    else if (event.key === "ArrowRight") terminals.turn(1);
    else if (event.key === "ArrowLeft") terminals.turn(-1);
    else if (event.key === "Delete") end();
    else return;
    event.preventDefault();
  };
  const name = tab.panes.map(label).join(", ");
  const short = front.service?.name ? front.service.name : label(front).match(/^\D+ (\d+)/)?.[1];
  return (
    <div
      className={`tab ${front.ended ? "ended" : ""}`}
      role="tab"
      tabIndex={selected ? 0 : -1}
      aria-selected={selected}
      aria-label={name}
      title={name}
      onClick={choose}
      onAuxClick={(event) => event.button === 1 && end()}
      onKeyDown={key}
    >
      <Icon name={tab.panes.length > 1 ? "split" : "terminal"} size={13} />
      <span className="tab-title">
        {short} {front.title && <span className="soft">{front.title}</span>}
      </span>
    </div>
  );
}
