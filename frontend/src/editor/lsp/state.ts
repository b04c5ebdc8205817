// What is known of a session's language servers, for the status bar, the problems and whoever asks; loads no editor.
import { get, type Page } from "../../api";
import type { Bench } from "../../shell/bench";
import { createStore, type Store } from "../../shell/store";
import type { Range, TextEdit } from "../text";

export type Server = { name: string; state: string; reason: string };
/** As the server's list has it. */
export type Running = Server & { version: string; memory_bytes: number | null };
export type Missing = { name: string; install: string };
export type Health = {
  language: string;
  link: "connecting" | "ready" | "away"; // ours to the servers
  reason: string;
  servers: Server[];
  missing: Missing[];
  busy: string; // what they are at, such as "Indexing 40 %"
};
export type Severity = "error" | "warning" | "info" | "hint";
export type Diagnostic = {
  range: Range;
  severity?: number; // 1 error … 4 hint
  code?: string | number;
  source?: string;
  message: string;
  tags?: number[];
};
export type WorkspaceEdit = {
  changes?: Record<string, TextEdit[]>;
  documentChanges?: (
    | { textDocument: { uri: string }; edits: TextEdit[] }
    | { kind: "create"; uri: string }
    | { kind: "rename"; oldUri: string; newUri: string }
    | { kind: "delete"; uri: string }
  )[];
};
export type Location = { uri: string; range: Range } | { targetUri: string; targetSelectionRange: Range };
/** `uri` is set where that is outside of the working copy: a library's file. */
export type Place = { path: string; range: Range; uri?: string };
export type Line = { at: string; server: string; text: string }; // `at`: time of day, UTC

export type Known = {
  health: Store<Record<string, Health>>;
  /** By path. */
  problems: Store<Record<string, Diagnostic[]>>;
  output: Store<Line[]>;
  /** What was found last for a name. */
  references: Store<{ title: string; places: Place[] } | null>;
};

const known = new WeakMap<Bench, Known>();
export function knownOf(bench: Bench): Known {
  const before = known.get(bench);
  if (before) return before;
  const found: Known = {
    health: createStore({}),
    problems: createStore({}),
    output: createStore<Line[]>([]),
    references: createStore<{ title: string; places: Place[] } | null>(null),
  };
  known.set(bench, found);
  return found;
}

export const severityOf = (one: Diagnostic): Severity =>
  (["error", "warning", "info", "hint"] as const)[(one.severity ?? 1) - 1] ?? "error";

export function counted(problems: Record<string, Diagnostic[]>): { errors: number; warnings: number } {
  let errors = 0;
  let warnings = 0;
  for (const rows of Object.values(problems))
    for (const one of rows) {
      if (severityOf(one) === "error") errors += 1;
      if (severityOf(one) === "warning") warnings += 1;
    }
  return { errors, warnings };
}

/** In one word and one sentence how a language is served, and what to do about it. */
export function told(health: Health): { tone: "good" | "warn" | "bad" | ""; word: string; text: string } {
  const { link, servers, missing, reason } = health;
  const sick = servers.find(
    (one) => one.state === "failed" || one.state === "unresponsive" || one.state === "restarting",
  );
  const install = missing.map((one) => `${one.name} is not installed: ${one.install}`).join(" · ");
  if (link === "connecting") return { tone: "", word: "starting", text: "The language server is starting." };
  if (link === "away")
    return { tone: "bad", word: "away", text: `${reason} Editing goes on without it; trying again.` };
  if (sick)
    return {
      tone: sick.state === "failed" ? "bad" : "warn",
      word: sick.state === "restarting" ? "restarting" : sick.state === "failed" ? "ended" : "not answering",
      text: `${sick.name}: ${sick.reason || sick.state}`,
    };
  if (servers.length === 0) return { tone: "warn", word: "none", text: install || "No server for this language." };
  return {
    tone: "good",
    word: "",
    text: [servers.map((one) => one.name).join(", "), install].filter(Boolean).join(" · "),
  };
}

/** A server, how it is, and what it takes. */
export function described({ name, version, state, memory_bytes }: Running): string {
  const memory = memory_bytes === null ? "" : `, ${Math.round(memory_bytes / 2 ** 20)} MB`;
  return `${[name, version].filter(Boolean).join(" ")}: ${state}${memory}`;
}

type Listed = { language: string; servers: Running[]; candidates: Missing[][] };
/** What runs for a language, and what would where nothing does; null where the server cannot be asked. */
export async function askAbout(
  bench: Bench,
  language: string,
): Promise<{ servers: Running[]; missing: Missing[] } | null> {
  try {
    const page = await get<Page<Listed>>(`/workspace/${bench.sessionId}/language-servers`);
    const found = page.items.find((one) => one.language === language);
    if (!found) return null;
    return {
      servers: found.servers,
      missing: found.servers.length ? [] : found.candidates.flatMap((kind) => kind[0] ?? []),
    };
  } catch {
    return null;
  }
}

/** Puts what a server said last among the output, and shows that. Throws Refused. */
export async function showLog(bench: Bench, language: string, server: string): Promise<void> {
  const query = new URLSearchParams({ server });
  const at = `/workspace/${bench.sessionId}/language-servers/${language}/logs?${query}`;
  const { items } = await get<Page<{ lines: string[] }>>(at);
  const lines = items
    .flatMap((log) => log.lines)
    .map((line) => ({ at: line.slice(0, 8), server, text: line.slice(9) }));
  knownOf(bench).output.set((old) => [...old.filter((line) => line.server !== server), ...lines]);
  bench.show("output");
}
