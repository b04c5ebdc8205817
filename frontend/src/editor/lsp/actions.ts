// What one asks a language's server to do at the cursor: go to, find references, rename, fix, format.
import { LSPPlugin } from "@codemirror/lsp-client";
import type { EditorView } from "@codemirror/view";
import type { Bench } from "../../shell/bench";
import { cursor } from "../cursor";
import { pathOf } from "../paths";
import { offsetOf, positionOf, type Range } from "../text";
import { applyEdit } from "./edits";
import { formatted } from "./format";
import { type LanguageClient, serving } from "./servers";
import { type Diagnostic, knownOf, type Location, type Place, severityOf, type WorkspaceEdit } from "./state";

type At = { client: LanguageClient; document: { uri: string }; at: Record<string, unknown> };

function here(view: EditorView): At | null {
  const client = serving(view);
  const plugin = LSPPlugin.get(view);
  if (!client?.ready || !plugin) return null;
  const document = { uri: plugin.uri };
  const position = positionOf(view.state.doc, view.state.selection.main.head);
  return { client, document, at: { textDocument: document, position } };
}

const wordAt = (view: EditorView): string => {
  const word = view.state.wordAt(view.state.selection.main.head);
  return word ? view.state.sliceDoc(word.from, word.to) : "";
};

/** Errors of a server are told, not thrown: they are nobody's fault here. `work` reads the answer, too, which may be anything. */
async function tried<T>(bench: Bench, what: string, work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    const said = (error as Error).message ?? error;
    const text = error instanceof TypeError ? `the language server’s answer makes no sense (${said}).` : said;
    bench.questions.tell(`${what}: ${text}`, "error");
    return null;
  }
}

function placesOf(found: Location | Location[] | null): Place[] {
  return [found ?? []].flat().map((one) => {
    const [uri, range] = "uri" in one ? [one.uri, one.range] : [one.targetUri, one.targetSelectionRange];
    const path = pathOf(uri);
    return path === null ? { path: uri.replace(/^file:\/\//, ""), range, uri } : { path, range };
  });
}

export function goTo(bench: Bench, { path, range, uri }: Place): void {
  const { start, end } = range;
  const to = { line: end.line + 1, column: end.character + 1 };
  const at = { line: start.line + 1, column: start.character + 1, to };
  if (uri === undefined) bench.openFile(path, at);
  else {
    const title = decodeURIComponent(path.split("/").pop() ?? path);
    bench.open({ id: `library:${uri}`, kind: "library", title, data: uri, preview: true });
    bench.goal.set({ path: uri, ...at });
  }
}

const KINDS = {
  definition: "textDocument/definition",
  declaration: "textDocument/declaration",
  typeDefinition: "textDocument/typeDefinition",
  implementation: "textDocument/implementation",
} as const;

export async function jump(bench: Bench, view: EditorView, kind: keyof typeof KINDS): Promise<void> {
  const from = here(view);
  if (!from?.client.can(`${kind}Provider`)) return bench.questions.tell("The language server cannot do that here.");
  const { doc, selection } = view.state;
  const ask = () => from.client.ask<Location | Location[]>(KINDS[kind], from.at);
  const places = await tried(bench, "Go to", async () => placesOf(await ask()));
  const stayed = cursor.get()?.view === view && view.state.doc === doc && view.state.selection.eq(selection);
  if (!places || !stayed) return; // whoever went on meanwhile is not fetched away
  const [first] = places;
  if (!first) return bench.questions.tell("Nothing was found.");
  if (places.length === 1) return goTo(bench, first);
  knownOf(bench).references.set({ title: `${places.length} places of ${wordAt(view)}`, places });
  bench.enter("references");
}

export async function findReferences(bench: Bench, view: EditorView): Promise<void> {
  const from = here(view);
  if (!from?.client.can("referencesProvider")) return bench.questions.tell("The language server cannot do that here.");
  const params = { ...from.at, context: { includeDeclaration: true } };
  const ask = () => from.client.ask<Location[]>("textDocument/references", params);
  const places = await tried(bench, "References", async () => placesOf(await ask()));
  if (!places) return;
  knownOf(bench).references.set({ title: `${places.length} references to ${wordAt(view)}`, places });
  bench.enter("references");
}

export async function rename(bench: Bench, view: EditorView): Promise<void> {
  const from = here(view);
  const old = wordAt(view);
  if (!old || !from?.client.can("renameProvider")) return bench.questions.tell("Nothing here can be renamed.");
  const name = await bench.questions.prompt(`Rename ${old}`, { label: "New name", value: old }, "Rename");
  view.focus();
  if (!name || name === old) return;
  const edit = await tried(bench, `Rename ${old}`, () =>
    from.client.ask<WorkspaceEdit>("textDocument/rename", { ...from.at, newName: name }),
  );
  if (edit) await applyEdit(bench, edit, `Renamed ${old} to ${name}`);
  view.focus();
}

export type CodeAction = {
  title: string;
  kind?: string;
  isPreferred?: boolean;
  disabled?: { reason: string };
  edit?: WorkspaceEdit;
  command?: { title: string; command: string; arguments?: unknown[] } | string;
  arguments?: unknown[];
  data?: unknown;
};

/** What could be done about the selection, or about the line where nothing is selected; the best first. */
export async function codeActions(bench: Bench, view: EditorView): Promise<CodeAction[]> {
  const from = here(view);
  const path = pathOf(from?.document.uri ?? "");
  if (!from?.client.can("codeActionProvider") || path === null) return [];
  const { doc, selection } = view.state;
  const { main } = selection;
  const line = doc.lineAt(main.head);
  const near = (one: Diagnostic) => {
    const [start, end] = [offsetOf(doc, one.range.start), offsetOf(doc, one.range.end)];
    return main.empty ? start <= line.to && end >= line.from : start <= main.to && end >= main.from;
  };
  const diagnostics = (knownOf(bench).problems.get()[path] ?? []).filter(near);
  const atCursor = diagnostics.filter(
    (one) => offsetOf(doc, one.range.start) <= main.head && offsetOf(doc, one.range.end) >= main.head,
  );
  const about = atCursor[0] ?? (main.empty ? diagnostics[0] : undefined);
  const range = about?.range ?? { start: positionOf(doc, main.from), end: positionOf(doc, main.to) };
  const params = { textDocument: from.document, range, context: { diagnostics, triggerKind: 1 } };
  const rank = (one: CodeAction) => (one.isPreferred ? 0 : one.kind?.startsWith("quickfix") ? 1 : 2);
  const found = await tried(bench, "Code actions", async () => {
    const answer = await from.client.ask<CodeAction[]>("textDocument/codeAction", params);
    return (answer ?? []).filter((one) => !one.disabled).sort((a, b) => rank(a) - rank(b));
  });
  return found ?? [];
}

export async function act(bench: Bench, view: EditorView, chosen: CodeAction): Promise<void> {
  const client = serving(view);
  if (!client) return;
  let action = chosen;
  await tried(bench, chosen.title, async () => {
    const provider = client.client.serverCapabilities?.codeActionProvider;
    const resolves = typeof provider === "object" && provider.resolveProvider;
    if (!action.edit && resolves && action.data !== undefined)
      action = (await client.ask<CodeAction>("codeAction/resolve", action)) ?? action;
    if (action.edit) await applyEdit(bench, action.edit, action.title);
    const command =
      typeof action.command === "string" ? { command: action.command, arguments: action.arguments } : action.command;
    if (command)
      await client.ask("workspace/executeCommand", { command: command.command, arguments: command.arguments });
  });
  view.focus();
}

export async function format(bench: Bench, view: EditorView): Promise<void> {
  const client = serving(view);
  if (!client?.can("documentFormattingProvider")) return bench.questions.tell("No server formats this language.");
  await tried(bench, "Format", () => formatted(view, client));
}

/** The next problem of the file after the cursor, or the one before it; round the ends. */
export function nextProblem(bench: Bench, view: EditorView, step: 1 | -1): void {
  const path = pathOf(LSPPlugin.get(view)?.uri ?? "");
  const rows = (path && knownOf(bench).problems.get()[path]) || [];
  const { doc, selection } = view.state;
  const starts = rows
    .filter((one) => severityOf(one) !== "hint")
    .map((one) => offsetOf(doc, one.range.start))
    .sort((a, b) => a - b);
  if (starts.length === 0) {
    bench.questions.tell("No problems in this file.");
    return;
  }
  const after = starts.filter((at) => (step > 0 ? at > selection.main.head : at < selection.main.head));
  const at = step > 0 ? (after[0] ?? starts[0]) : (after.at(-1) ?? starts.at(-1));
  view.dispatch({ selection: { anchor: at ?? 0 }, scrollIntoView: true });
}

export type Name = { name: string; kind: number; detail: string; range: Range; depth: number };
type Raw = {
  name: string;
  kind: number;
  detail?: string;
  selectionRange?: Range;
  location?: { range: Range };
  children?: Raw[];
};

/** The names of a file in the order in which they stand there. */
export async function symbols(view: EditorView): Promise<Name[] | null> {
  const from = here(view);
  if (!from?.client.can("documentSymbolProvider")) return null;
  const found = await from.client.ask<Raw[]>("textDocument/documentSymbol", { textDocument: from.document });
  const rows: Name[] = [];
  const walk = (list: Raw[], depth: number) => {
    for (const one of list) {
      const range = one.selectionRange ?? one.location?.range;
      if (range) rows.push({ name: one.name, kind: one.kind, detail: one.detail ?? "", range, depth });
      walk(one.children ?? [], depth + 1);
    }
  };
  walk(found ?? [], 0);
  return rows;
}
