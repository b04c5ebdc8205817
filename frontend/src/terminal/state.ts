// The open terminals of a session, for the panel and for commands: what is open where, and a handle on each that is shown.
import { call, get, type Page, type Refused, type TerminalRow } from "../api";
import type { Bench } from "../shell/bench";
import { createStore } from "../shell/store";
import {
  add,
  close,
  currentPane,
  focus,
  NONE,
  type Open,
  type Pane,
  pane,
  replace,
  restored,
  type Service,
  split,
  toKeep,
  turnTab,
} from "./tabs";

/** What can be done with a terminal on the screen. */
export type Handle = {
  focus: () => void;
  type: (text: string) => void;
  find: () => void;
  clear: () => void;
  copy: () => void;
  paste: () => void;
};

export class Terminals {
  readonly open = createStore<Open>(NONE);
  readonly failure = createStore("");
  readonly handles = new Map<string, Handle>();
  /** What to type into the next terminal that comes up. */
  private waiting = "";
  private loading: Promise<void> | null = null;

  constructor(readonly bench: Bench) {}

  private get kept(): string {
    return `terminals.${this.bench.sessionId}`;
  }

  /** Finds the running terminals, until that worked once; opens one where there is none. */
  load(): Promise<void> {
    this.loading ??= this.find();
    return this.loading;
  }

  private async find(): Promise<void> {
    try {
      const { items } = await get<Page<TerminalRow>>(`/workspace/${this.bench.sessionId}/terminals`);
      const open = new Set(this.open.get().tabs.flatMap((tab) => tab.panes.map((one) => one.id)));
      const running = items
        .filter((row) => row.state === "running" && !open.has(row.id))
        .map((row) => ({ id: row.id, service: row.service_id ? { id: row.service_id, name: row.title } : null }));
      const found = restored(localStorage.getItem(this.kept), running);
      this.open.set((old) => ({ tabs: [...found.tabs, ...old.tabs], current: old.current || found.current }));
      if (this.open.get().tabs.length === 0 && this.bench.may("terminals:write")) this.add();
      this.open.subscribe(() => localStorage.setItem(this.kept, toKeep(this.open.get())));
      this.failure.set("");
    } catch (error) {
      this.loading = null;
      this.failure.set((error as Refused).message);
    }
  }

  add(service: Service | null = null): void {
    this.open.set((old) => add(old, pane(null, service)));
  }

  split(): void {
    const service = currentPane(this.open.get())?.service ?? null;
    this.open.set((old) => split(old, pane(null, service)));
  }

  /** Ends what runs in it. */
  end(one: Pane): void {
    if (one.id) call("DELETE", `/workspace/${this.bench.sessionId}/terminals/${one.id}`).catch(() => undefined);
    this.open.set((old) => close(old, one.key));
  }

  /** Puts one in front; its tab, too. */
  focus(key: string): void {
    this.open.set((old) => focus(old, key));
  }

  turn(by: number): void {
    this.open.set((old) => turnTab(old, by));
  }

  /** A new one in the place of one that ended. */
  again(old: Pane): void {
    this.open.set((now) => replace(now, old.key, pane(null, old.service)));
  }

  get handle(): Handle | undefined {
    const now = currentPane(this.open.get());
    return now && this.handles.get(now.key);
  }

  /** Types into the terminal in front, as soon as there is one. */
  type(text: string): void {
    const now = currentPane(this.open.get());
    if (this.handle && now?.id && !now.ended) {
      this.handle.type(text);
      this.handle.focus();
      return;
    }
    this.waiting = text;
    if (now?.ended) this.add();
  }

  /** What waits to be typed into a terminal that has just come up. */
  take(): string {
    const text = this.waiting;
    this.waiting = "";
    return text;
  }
}

const all = new WeakMap<Bench, Terminals>();

export function terminalsOf(bench: Bench): Terminals {
  let found = all.get(bench);
  if (!found) {
    found = new Terminals(bench);
    all.set(bench, found);
  }
  return found;
}
