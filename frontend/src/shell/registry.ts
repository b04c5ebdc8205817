// What can be plugged into the workbench, and where it is kept.
//
// A feature of the page is a folder with a `register.ts(x)` that `features.ts` imports. It registers what it has, once:
//
//   view({ id: "changes", place: "side", title: "Changes", icon: "changes", order: 30,
//          component: lazy(() => import("./Changes")) });
//       A view of the side bar, the panel below ("panel") or the dock at the right ("dock"). It is a button of its place, a
//       command "Show Changes", and, in the side bar, gets Alt and its number. Its component gets { bench, data }.
//   command({ id: "vcs.push", group: "Source control", title: "Push", icon: "up", keys: "Mod-Shift-U",
//             needs: "vcs:write", when: (bench) => …, run: (bench, argument) => … });
//       Stands in the palette and, with keys, in the keyboard map. <CommandButton id="vcs.push" /> and menus draw it by its id;
//       bench.run("vcs.push", argument) runs it. `hidden` keeps it out of the palette. Keys without Ctrl, ⌘, Alt (and not F1–F12)
//       count only where nobody types; a terminal keeps all but Alt-…, Ctrl-Shift-… and ⌘-….
//   editor({ kind: "diff", icon: "changes", component: lazy(() => import("./DiffTab")) });
//       Shows tabs of that kind: bench.open({ id: "diff:a.py", kind: "diff", title: "a.py", path: "a.py", data: … }).
//       Its component gets { bench, tab, visible, focused }. `opens: (path) => …` takes files from the text editor.
//   status({ id: "branch", side: "left", order: 10, component: Branch });     a part of the status bar; gets { bench }
//   finder({ prefix: "@", title: "Symbols", placeholder: …, find: (bench, query) => items });     a mode of the palette
//   setting({ key: "editor.tabSize", group: "Editor", title: …, kind: "number", fallback: 4 });   see settings.ts
//   provider(Wrapped);      a component around the whole workbench of a session, for state that several views share
//
// `bench` (bench.ts) is the open session: its ids, its layout, and `tick`, which grows when files or history changed.
import type { ComponentType, ReactNode } from "react";
import type { Bench } from "./bench";
import type { IconName } from "./icons";
import type { Tab } from "./layout";

export type Place = "side" | "panel" | "dock";
export type View = {
  id: string;
  place: Place;
  title: string;
  icon: IconName;
  order: number;
  component: ComponentType<{ bench: Bench; data?: unknown }>;
  badge?: ComponentType<{ bench: Bench }>; // a small count on the view's button
  keys?: string;
  waits?: boolean; // false: is shown while the session is starting, too
};
export type Command = {
  id: string;
  title: string;
  group?: string;
  icon?: IconName;
  keys?: string | string[];
  within?: string; // a selector: its keys count in there alone, and before others that are the same
  hidden?: boolean;
  needs?: string; // what the caller must be allowed
  when?: (bench: Bench) => boolean;
  run: (bench: Bench, argument?: unknown) => unknown;
};
export type EditorProps = { bench: Bench; tab: Tab; visible: boolean; focused: boolean };
export type EditorKind = {
  kind: string;
  icon: IconName;
  component: ComponentType<EditorProps>;
  opens?: (path: string) => boolean;
  keeps?: boolean; // stays mounted while another tab is in front: for what is dear to build again
};
export type StatusPart = {
  id: string;
  side: "left" | "right";
  order: number;
  component: ComponentType<{ bench: Bench }>;
};
export type Found = {
  id: string;
  title: string;
  detail?: string;
  icon?: IconName;
  keys?: string;
  marks?: number[]; // characters of the title that were hit
  run: () => void;
};
export type Finder = {
  prefix: string;
  title: string;
  placeholder: string;
  find: (bench: Bench, query: string) => Found[] | Promise<Found[]>;
};

export const views = new Map<string, View>();
export const commands = new Map<string, Command>();
export const editors = new Map<string, EditorKind>();
export const statusParts = new Map<string, StatusPart>();
export const finders = new Map<string, Finder>();
export const providers: ComponentType<{ bench: Bench; children?: ReactNode }>[] = [];

const once = <T>(kind: string, into: Map<string, T>, id: string, made: T) => {
  if (into.has(id)) throw new Error(`There are two of ${kind} ${id}.`);
  into.set(id, made);
};

export function view(made: View): void {
  once("view", views, made.id, made);
  if (made.place === "dock") return; // shown for something, not by itself
  command({
    id: `view.${made.id}`,
    group: "View",
    title: `Show ${made.title}`,
    icon: made.icon,
    keys: made.keys,
    run: (bench) => bench.enter(made.id),
  });
}
export const command = (made: Command) => once("command", commands, made.id, made);
export const editor = (made: EditorKind) => once("editor", editors, made.kind, made);
export const status = (made: StatusPart) => once("status", statusParts, made.id, made);
export const finder = (made: Finder) => once("finder", finders, made.prefix, made);
export const provider = (made: ComponentType<{ bench: Bench; children?: ReactNode }>) => providers.push(made);

export const viewsOf = (place: Place): View[] =>
  [...views.values()].filter((one) => one.place === place).sort((a, b) => a.order - b.order);
export const statusOf = (side: "left" | "right"): StatusPart[] =>
  [...statusParts.values()].filter((one) => one.side === side).sort((a, b) => a.order - b.order);

/** The keys that run it, the side bar's views by their number besides. */
export function keysOf(made: Command): string[] {
  const own = made.keys === undefined ? [] : [made.keys].flat();
  const number = viewsOf("side").findIndex((one) => `view.${one.id}` === made.id) + 1;
  return number > 0 && number < 10 ? [`Alt-${number}`, ...own] : own;
}

/** Whether it can be run now, by whoever looks. */
export const can = (bench: Bench, { needs, when }: Command): boolean =>
  (needs === undefined || bench.may(needs)) && (when === undefined || when(bench));

/** The commands that can be run now. */
export const possible = (bench: Bench): Command[] => [...commands.values()].filter((one) => can(bench, one));
