// The workbench's frame: title bar, views at the left, editors, panel below, dock at the right, status bar. What stands in them
// is registered elsewhere; registry.ts says how.
import { createElement, type ReactNode, Suspense, useCallback, useMemo } from "react";
import { Boundary } from "../parts/Boundary";
import { Notice } from "../parts/controls";
import { Arrival, byArrows } from "./Arrival";
import type { Bench } from "./bench";
import { Menu, Tool } from "./controls";
import { Editors } from "./Editors";
import { Icon } from "./icons";
import { KeyboardMap, useKeys } from "./Keyboard";
import { shown } from "./keys";
import { Palette } from "./Palette";
import { QuestionsView } from "./Questions";
import { commands, keysOf, providers, statusOf, type View, views, viewsOf } from "./registry";
import { Grip, useKeptSizes } from "./sizes";
import { useSelected, useStore } from "./store";
import { TitleBar } from "./TitleBar";

export function Shell({ bench, children }: { bench: Bench; children: ReactNode }) {
  useKeys(bench);
  const layout = useStore(bench.layout);
  const frame = useKeptSizes();
  const asking = useStore(bench.asking);
  const asked = useCallback(() => bench.asking.set(null), [bench]);
  const menu = useStore(bench.menu);
  const helping = useStore(bench.dialog) === "keys";
  const filled = layout.dock && layout.wide ? "wide" : layout.panel && layout.tall ? "tall" : "";
  const middle = useMemo(() => <Editors bench={bench} />, [bench]);
  const area = layout.area === "dock" && !layout.dock ? "side" : layout.area;
  const whole = (
    <div className={`bench ${filled} area-${area}`} ref={frame}>
      <TitleBar bench={bench} />
      <div className="middle">
        <Rail bench={bench} />
        {layout.side && (
          <>
            <aside className="side" aria-label={views.get(layout.side)?.title} tabIndex={-1} onKeyDown={byArrows}>
              <Stage bench={bench} view={views.get(layout.side)} />
            </aside>
            <Grip size="--side" frame={frame} />
          </>
        )}
        <main className="centre-column">
          <div className="editors">{middle}</div>
          {layout.panel && (
            <>
              <Grip size="--low" frame={frame} />
              <Panel bench={bench} />
            </>
          )}
        </main>
        {layout.dock && (
          <>
            <Grip size="--dock" frame={frame} />
            <section className="dock" aria-label={views.get(layout.dock.view)?.title}>
              <Stage bench={bench} view={views.get(layout.dock.view)} data={layout.dock.data} />
            </section>
          </>
        )}
      </div>
      <StatusBar bench={bench} />
      {asking !== null && <Palette key={asking} bench={bench} prefix={asking} onClose={asked} />}
      {helping && <KeyboardMap onClose={() => bench.dialog.set(null)} />}
      <QuestionsView bench={bench} />
      {menu && <Menu at={menu.at} items={menu.items} onClose={() => bench.menu.set(null)} />}
      {children}
    </div>
  );
  return providers.reduce((inner, around) => createElement(around, { bench, key: around.name }, inner), whole);
}

function Rail({ bench }: { bench: Bench }) {
  const layout = useStore(bench.layout);
  const label = (one: View) => {
    const made = commands.get(`view.${one.id}`);
    const keys = made ? keysOf(made)[0] : undefined;
    return keys ? `${one.title} (${shown(keys)})` : one.title;
  };
  return (
    <nav className="rail" aria-label="Views">
      <button
        type="button"
        className="narrow"
        data-area={layout.area === "editors"}
        aria-label="Editor"
        onClick={() => bench.reveal("editors")}
      >
        <Icon name="file" size={20} />
        <span className="rail-title">Editor</span>
      </button>
      <button
        type="button"
        className="narrow"
        data-area={layout.area === "panel"}
        aria-label="Panel"
        onClick={() => bench.show(layout.lastPanel)}
      >
        <Icon name="terminal" size={20} />
        <span className="rail-title">Panel</span>
      </button>
      {viewsOf("side").map((one) => {
        const Badge = one.badge;
        const open = layout.side === one.id;
        return (
          <button
            type="button"
            key={one.id}
            aria-label={one.title}
            aria-pressed={open}
            title={label(one)}
            data-area={open && layout.area === "side"}
            onClick={() => (open && window.innerWidth > 720 ? bench.hide("side") : bench.show(one.id))}
          >
            <Icon name={one.icon} size={20} />
            <span className="rail-title">{one.title}</span>
            {Badge && <Badge bench={bench} />}
          </button>
        );
      })}
      <span className="grow" />
      <button
        type="button"
        className="wide-only"
        aria-label="Settings"
        title="Settings"
        onClick={() => bench.run("settings.open")}
      >
        <Icon name="settings" size={20} />
      </button>
    </nav>
  );
}

function Stage({ bench, view, data }: { bench: Bench; view: View | undefined; data?: unknown }) {
  const session = useSelected(bench.info, (info) => info.session);
  const progress = useStore(bench.progress);
  if (!view) return null;
  if (session?.status === "failed")
    return <Notice text={session.status_reason?.message ?? "It could not be started."} />;
  if (session && session.status !== "ready" && view.waits !== false)
    return <Notice kind="info" text={`${progress || "The session is starting"}; this page follows.`} />;
  if (!session) return null;
  const Shown = view.component;
  return (
    <Boundary key={view.id}>
      <Suspense fallback={<div className="loading" role="progressbar" aria-label="Loading" />}>
        <Shown bench={bench} data={data} />
        <Arrival bench={bench} id={view.id} />
      </Suspense>
    </Boundary>
  );
}

/** The panel keeps what it showed: a terminal stays as it is while the problems are looked at. */
function Panel({ bench }: { bench: Bench }) {
  const layout = useStore(bench.layout);
  return (
    <section className="low" aria-label="Panel">
      <div className="panel-head">
        <div className="panel-tabs">
          {viewsOf("panel").map((one) => {
            const Badge = one.badge;
            return (
              <button
                type="button"
                key={one.id}
                aria-pressed={layout.panel === one.id}
                onClick={() => bench.show(one.id)}
              >
                {one.title}
                {Badge && <Badge bench={bench} />}
              </button>
            );
          })}
        </div>
        <span className="grow" />
        <Tool
          icon="fill"
          label={layout.tall ? "Panel as before" : "Fill the page with the panel"}
          aria-pressed={layout.tall}
          onClick={() => bench.arrange({ tall: !layout.tall })}
        />
        <Tool icon="close" label="Hide the panel" keys="Mod-J" onClick={() => bench.hide("panel")} />
      </div>
      {viewsOf("panel").map((one) => (
        <Kept key={one.id} shown={layout.panel === one.id} title={one.title}>
          <Stage bench={bench} view={one} />
        </Kept>
      ))}
    </section>
  );
}

function Kept({ shown: visible, title, children }: { shown: boolean; title: string; children: ReactNode }) {
  const seen = useMemo(() => ({ ever: false }), []);
  seen.ever ||= visible;
  return (
    <section className="panel-body" aria-label={title} hidden={!visible} tabIndex={-1} onKeyDown={byArrows}>
      {seen.ever && children}
    </section>
  );
}

function StatusBar({ bench }: { bench: Bench }) {
  return (
    <footer className="status">
      {statusOf("left").map(({ id, component: Part }) => (
        <Part key={id} bench={bench} />
      ))}
      <span className="grow" />
      {statusOf("right").map(({ id, component: Part }) => (
        <Part key={id} bench={bench} />
      ))}
    </footer>
  );
}
