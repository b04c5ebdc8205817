// What people set: described once where it is used, kept in the browser at once and with the account a moment later.
//
//   setting({ key: "editor.tabSize", group: "Editor", title: "Tab size", kind: "number", fallback: 4, least: 1, most: 16 });
//   const size = useSetting<number>("editor.tabSize");
import { call, get } from "../api";
import { inTurn } from "../inTurn";
import { createStore, useSelected } from "./store";

type Of = { key: string; group: string; title: string; description?: string };
export type Setting = Of &
  (
    | { kind: "switch"; fallback: boolean }
    | { kind: "number"; fallback: number; least: number; most: number }
    | { kind: "text"; fallback: string; placeholder?: string }
    | { kind: "choice"; fallback: string; choices: [value: string, label: string][] }
  );
type Values = Record<string, unknown>;

export const settings = new Map<string, Setting>();

export function setting(made: Setting): void {
  if (settings.has(made.key)) throw new Error(`There are two settings ${made.key}.`);
  settings.set(made.key, made);
}

const KEPT = "settings";
export const values = createStore<Values>(parsed(localStorage.getItem(KEPT)));
/** Why the account does not have them, empty when it does. */
export const trouble = createStore("");

function parsed(text: string | null): Values {
  try {
    const found = JSON.parse(text ?? "{}");
    return found && typeof found === "object" && !Array.isArray(found) ? found : {};
  } catch {
    return {};
  }
}

/** The value, or the fallback where none is set or what is set is not of the setting's kind. */
export function valid(of: Setting, value: unknown): unknown {
  if (of.kind === "number")
    return typeof value === "number" && value >= of.least && value <= of.most ? value : of.fallback;
  if (of.kind === "choice") return of.choices.some(([one]) => one === value) ? value : of.fallback;
  return typeof value === typeof of.fallback ? value : of.fallback;
}

export function settingOf<T>(key: string): T {
  const of = settings.get(key);
  if (!of) throw new Error(`There is no setting ${key}.`);
  return valid(of, values.get()[key]) as T;
}

export function useSetting<T>(key: string): T {
  return useSelected(values, () => settingOf<T>(key));
}

let timer = 0;
let changes = 0;
let unsent = false;
export function change(key: string, value: unknown): void {
  changes++;
  unsent = true;
  const of = settings.get(key);
  const { [key]: _, ...rest } = values.get();
  keep(of && value === of.fallback ? rest : { ...rest, [key]: value });
  window.clearTimeout(timer);
  timer = window.setTimeout(() => void send(), 400);
}

function keep(next: Values): void {
  localStorage.setItem(KEPT, JSON.stringify(next));
  values.set(next);
}

const send = inTurn(async () => {
  if (!unsent) return;
  unsent = false;
  await call("PUT", "/account/settings", { settings: values.get() }).then(
    () => trouble.set(""),
    (error: Error) => trouble.set(`Kept in this browser only: ${error.message}`),
  );
});

let loads = 0;

/** What the account has takes the place of what this browser had; called when somebody signed in. */
export async function load(): Promise<void> {
  const mine = ++loads;
  const before = changes;
  try {
    const found = await get<{ settings: Values }>("/account/settings");
    if (mine !== loads) return; // they left, or somebody else signed in
    if (changes === before && !unsent) keep(found.settings); // what was set since is newer
    trouble.set("");
  } catch (error) {
    if (mine === loads) trouble.set(`Kept in this browser only: ${(error as Error).message}`);
  }
}

/** The next one to sign in at this browser has settings of their own. */
export function forget(): void {
  loads++;
  window.clearTimeout(timer);
  unsent = false;
  localStorage.removeItem(KEPT);
  values.set({});
}

window.addEventListener("storage", (event) => {
  if (event.key === KEPT) values.set(parsed(event.newValue)); // another tab changed one
});
