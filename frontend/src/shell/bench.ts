// The open session, as views and commands know it: its ids, its layout, what may be done with both.
import type { Session, Workspace } from "../api";
import type { MenuItem } from "./controls";
import {
  type Area,
  closeTab,
  currentTab,
  focusedGroup,
  isIn,
  keepTab,
  type Layout,
  openTab,
  renamePaths,
  restored,
  type Tab,
} from "./layout";
import { Questions } from "./Questions";
import { can, commands, editors, type Place, views } from "./registry";
import { createStore, type Store } from "./store";

export type Info = {
  session: Session | null;
  workspace: Workspace | null;
  sessions: Session[];
  /** What the caller may do in the workspace. */
  scopes: ReadonlySet<string>;
  failure: string;
};
/** Where to in a file; lines and columns count from 1, `to` ends a selection. Without a line only the focus goes there. */
export type Goal = { path: string; line?: number; column?: number; to?: { line: number; column: number } };

export class Bench {
  readonly layout: Store<Layout>;
  readonly info = createStore<Info>({ session: null, workspace: null, sessions: [], scopes: new Set(), failure: "" });
  /** How far the clone is that the session is made by. */
  readonly progress = createStore("");
  /** Grows with each change of the files or the history. */
  readonly tick = createStore(0);
  /** Which paths changed last, null when that is not known, and which of them are gone. A new object each time. */
  readonly touched = createStore<{ paths: string[] | null; gone: string[] }>({ paths: null, gone: [] });
  readonly questions = new Questions();
  /** A menu that a command opened at a point of the page. */
  readonly menu = createStore<{ at: { x: number; y: number }; items: MenuItem[] } | null>(null);
  /** What ends with the session's page: sockets, listeners. */
  readonly ends = new Set<() => void>();
  /** Ids of tabs whose content is not saved. */
  readonly unsaved = createStore<ReadonlySet<string>>(new Set());
  /** Where the editor of a file is to go once it shows it; a new object each time. */
  readonly goal = createStore<Goal | null>(null);
  /** The prefix with which the palette is open, null when it is closed. */
  readonly asking = createStore<string | null>(null);
  /** The view or tab that takes the focus once it is drawn. */
  readonly entering = createStore<string | null>(null);
  readonly dialog = createStore<"keys" | "fork" | "delete" | null>(null);
  /** Asked before a tab with changes goes; what it answers is done. The editor sets it. */
  mayClose: (tab: Tab) => boolean | Promise<boolean> = () => true;
  /** Told before the tabs are, when a file, or a folder of some, has gone to another path, or to none. The editor sets it. */
  moved: (from: string, to: string | null) => unknown = () => undefined;

  constructor(readonly sessionId: string) {
    const kept = `layout.${sessionId}`;
    this.layout = createStore(restored(localStorage.getItem(kept)));
    this.layout.subscribe(() => localStorage.setItem(kept, JSON.stringify(this.layout.get())));
  }

  end(): void {
    for (const leave of this.ends) leave();
    this.ends.clear();
  }

  get workspaceId(): string {
    return this.info.get().session?.workspace_id ?? "";
  }

  get ready(): boolean {
    return this.info.get().session?.status === "ready";
  }

  /** Whether the caller may; true until it is known. */
  may(scope: string): boolean {
    const { session, scopes } = this.info.get();
    return session === null || scopes.has(scope);
  }

  changed(paths: string[] | null = null, gone: string[] = []): void {
    this.touched.set({ paths, gone });
    this.tick.set((n) => n + 1);
  }

  run(id: string, argument?: unknown): void {
    const found = commands.get(id);
    if (found && can(this, found)) void found.run(this, argument);
  }

  /** Shows a view in its place; `data` is what it is about. */
  show(id: string, data: unknown = null): void {
    const place = views.get(id)?.place;
    if (place === "side") this.arrange({ side: id, lastSide: id, area: "side" });
    if (place === "panel") this.arrange({ panel: id, lastPanel: id, area: "panel", wide: false });
    if (place === "dock") this.arrange({ dock: { view: id, data }, area: "dock" });
  }

  /** Shows a view and goes there, as who calls it by keys wants. */
  enter(id: string): void {
    this.show(id);
    this.entering.set(id);
  }

  hide(place: Place): void {
    if (place === "side") this.arrange({ side: "" });
    if (place === "panel") this.arrange({ panel: "", tall: false, area: "editors" });
    if (place === "dock") this.arrange({ dock: null, wide: false, area: "side" });
  }

  toggle(place: "side" | "panel"): void {
    const layout = this.layout.get();
    if (layout[place]) this.hide(place);
    else this.show(place === "side" ? layout.lastSide : layout.lastPanel);
  }

  arrange(parts: Partial<Layout>): void {
    this.layout.set((old) => ({ ...old, ...parts }));
  }

  reveal(area: Area): void {
    if (this.layout.get().area !== area) this.arrange({ area });
  }

  open(tab: Tab): void {
    this.layout.set((old) => openTab(old, tab));
  }

  /** Opens a file of the working copy with the editor that takes it; at a line, as text. One that is not only looked at in passing
   *  takes the focus, from a terminal, too. */
  openFile(path: string, at: Omit<Goal, "path"> | number | null = null, preview = false): void {
    const other = at === null && [...editors.values()].find((one) => one.opens?.(path));
    this.openText(path, preview, other ? other.kind : "text");
    if (at === null && preview) return;
    if (other) this.entering.set(`${other.kind}:${path}`);
    const from = document.activeElement;
    if (from instanceof HTMLElement && from.closest(".xterm")) from.blur(); // keys that come before the editor does are not the shell's
    this.goal.set({ path, ...(typeof at === "number" ? { line: at } : at) });
  }

  openText(path: string, preview = false, kind = "text"): void {
    this.open({ id: `${kind}:${path}`, kind, title: path.split("/").pop() ?? path, path, preview });
  }

  /** Closes a tab after asking what its changes are worth. */
  async close(tabId: string, groupId?: number): Promise<void> {
    const holding = this.layout.get().groups.filter((group) => group.tabs.some((tab) => tab.id === tabId));
    const group = holding.find((one) => one.id === groupId) ?? holding[0];
    const tab = group?.tabs.find((one) => one.id === tabId);
    if (!group || !tab) return;
    if (holding.length === 1 && this.unsaved.get().has(tabId) && !(await this.mayClose(tab))) return;
    this.mark(tabId, holding.length > 1 && this.unsaved.get().has(tabId));
    this.layout.set((old) => closeTab(old, group.id, tabId));
  }

  /** The tabs of what is at that path, or in that folder, follow it to another; to none they close. */
  async follow(from: string, to: string | null): Promise<void> {
    await this.moved(from, to);
    this.layout.set((old) =>
      renamePaths(old, (path) => (!isIn(path, from) ? path : to === null ? null : to + path.slice(from.length))),
    );
  }

  mark(tabId: string, unsaved: boolean): void {
    this.unsaved.set((old) => {
      if (old.has(tabId) === unsaved) return old;
      const next = new Set(old);
      if (unsaved) next.add(tabId);
      else next.delete(tabId);
      return next;
    });
    if (unsaved) this.layout.set((old) => keepTab(old, tabId));
  }

  get tab(): Tab | undefined {
    return currentTab(this.layout.get());
  }

  get group() {
    return focusedGroup(this.layout.get());
  }
}
