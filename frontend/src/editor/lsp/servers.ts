// Language servers as the editors of a session see them: one client for each language, over one socket, for all its documents.
import { autocompletion } from "@codemirror/autocomplete";
import {
  hoverTooltips,
  LSPClient,
  LSPPlugin,
  serverCompletion,
  signatureHelp,
  type Transport,
  Workspace,
  type WorkspaceFile,
} from "@codemirror/lsp-client";
import { type Extension, Facet, type Text } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import type { Bench } from "../../shell/bench";
import { settingOf } from "../../shell/settings";
import type { TextDocument } from "../documents";
import { pathOf, ROOT, uriOf } from "../paths";
import { harmless } from "../safe";
import { diagnosed, showProblems } from "./diagnostics";
import { applyEdit } from "./edits";
import { formatted } from "./format";
import { link } from "./link";
import { askAbout, type Diagnostic, type Health, knownOf, type Line, type WorkspaceEdit } from "./state";

const PATIENCE = 30_000; // milliseconds: a server may index first
const FORMATTING = 2000; // milliseconds that a file waits to be formatted before it is saved
const QUIET = 250; // milliseconds without typing before the servers are told
const PAUSE = 100; // milliseconds between two looks at what they say
const LINES = 1000; // of output that is kept
const INVOKED = 1; // LSP 3.17, SignatureHelpTriggerKind
const CONTENT_MODIFIED = -32801; // LSP 3.17, ErrorCodes: who still wants to know asks again

class OpenFile implements WorkspaceFile {
  version = 0;
  doc: Text;
  readonly views = new Set<EditorView>();

  constructor(
    readonly uri: string,
    readonly languageId: string,
    view: EditorView,
  ) {
    this.doc = view.state.doc;
    this.views.add(view);
  }

  getView(main?: EditorView): EditorView | null {
    if (main && this.views.has(main)) return main;
    return [...this.views].find((view) => view.hasFocus) ?? [...this.views][0] ?? null;
  }
}

/** Documents that the servers know; several editors of one are one document, and all of them are in step. */
class Files extends Workspace {
  files: OpenFile[] = [];
  private readonly versions = new Map<string, number>();
  alive = false;

  private next(uri: string): number {
    const version = (this.versions.get(uri) ?? 0) + 1;
    this.versions.set(uri, version);
    return version;
  }

  syncFiles() {
    if (!this.alive) return [];
    return this.files.flatMap((file) => {
      const plugin = this.plugins(file)[0];
      if (!plugin || plugin.unsyncedChanges.empty) return [];
      const update = { file, prevDoc: file.doc, changes: plugin.unsyncedChanges };
      file.doc = plugin.view.state.doc;
      file.version = this.next(file.uri);
      for (const one of this.plugins(file)) one.clear();
      return [update];
    });
  }

  private plugins(file: OpenFile): LSPPlugin[] {
    return [...file.views].flatMap((view) => LSPPlugin.get(view) ?? []);
  }

  openFile(uri: string, languageId: string, view: EditorView): void {
    const known = this.files.find((file) => file.uri === uri);
    if (known) {
      this.client.sync(); // the new view begins with what the servers have
      known.views.add(view);
      return;
    }
    const made = new OpenFile(uri, languageId, view);
    made.version = this.next(uri);
    this.files.push(made);
    if (this.alive) this.client.didOpen(made);
  }

  closeFile(uri: string, view: EditorView): void {
    const file = this.files.find((one) => one.uri === uri);
    file?.views.delete(view);
    if (!file || file.views.size > 0) return;
    this.files = this.files.filter((one) => one !== file);
    if (this.alive) this.client.didClose(uri);
  }

  /** New servers, or the same after a break: they get what is typed now. */
  override connected(): void {
    this.alive = true;
    for (const file of this.files) {
      file.doc = file.getView()?.state.doc ?? file.doc;
      file.version = this.next(file.uri);
      for (const plugin of this.plugins(file)) plugin.clear();
      this.client.didOpen(file);
    }
  }

  override disconnected(): void {
    this.alive = false;
  }
}

export class LanguageClient {
  readonly client: LSPClient;
  private timer = 0;
  private readonly lines: Line[] = []; // of output that is shown in a moment
  private readonly progress = new Map<string | number, string>();

  constructor(
    readonly bench: Bench,
    readonly language: string,
  ) {
    const { health } = knownOf(bench);
    health.set((old) => ({
      ...old,
      [language]: { language, link: "connecting", reason: "", servers: [], missing: [], busy: "" },
    }));
    this.client = new LSPClient({
      rootUri: ROOT,
      workspace: (client) => new Files(client),
      timeout: PATIENCE,
      sanitizeHTML: (html) => harmless(html, ["class"]),
      notificationHandlers: {
        "textDocument/publishDiagnostics": (_, params) => this.diagnosed(params),
        "window/logMessage": (_, params) => this.write(params.message),
        "window/showMessage": (_, params) => this.write(params.message),
        "$/progress": (_, params) => this.progressed(params),
        "$/codeyard/servers": (_, params) => this.put(params),
        "$/codeyard/document": (_, params) => this.write(`${pathOf(params.uri) ?? params.uri}: ${params.message}`),
      },
      extensions: [
        serverCompletion(),
        hoverTooltips({ hoverTime: 350 }),
        signatureHelp(),
        showProblems,
        EditorView.updateListener.of((update) => {
          if (update.docChanged) this.soon();
        }),
      ],
    });
    let transport: Transport | undefined;
    // The library's own leaves it unhandled that a server did not start: an error of the page, for each of its notifications.
    this.client.notification = (method, params) => {
      const to = transport;
      this.client.initializing.then(
        () => to?.send(JSON.stringify({ jsonrpc: "2.0", method, params })),
        () => undefined,
      );
    };
    // And that a server has no signature for what is being typed: only who asked for one is told so.
    const request: LSPClient["request"] = this.client.request.bind(this.client);
    this.client.request = <Params, Result>(method: string, params: Params): Promise<Result> => {
      const answer = request<Params, Result>(method, params);
      const asked = (params as { context?: { triggerKind?: number } }).context?.triggerKind === INVOKED;
      return method === "textDocument/signatureHelp" && !asked ? answer.catch(() => null as Result) : answer;
    };
    const leave = link(bench.sessionId, language, {
      open: (opened, drop) => {
        transport = opened;
        this.client.connect(opened);
        const { initializing } = this.client;
        const told = (parts: Partial<Health>) => this.client.initializing === initializing && this.put(parts); // else of an earlier link
        initializing.then(
          () => told({ link: "ready", reason: "" }),
          (error: { message?: string }) => {
            if (told({ link: "away", reason: `It did not start: ${error?.message ?? error}.` })) drop();
          },
        );
      },
      closed: (times) => {
        this.client.initializing.catch(() => undefined);
        this.client.disconnect();
        this.put({ link: "away", reason: "The language server cannot be reached.", busy: "" });
        if (times === 2) void this.explain();
      },
      asked: (method, params) => this.asked(method, params),
    });
    bench.ends.add(leave);
  }

  get ready(): boolean {
    return this.client.serverCapabilities !== null && (this.client.workspace as Files).alive;
  }

  can(capability: string): boolean {
    const found = (this.client.serverCapabilities as Record<string, unknown> | null)?.[capability];
    return this.ready && found !== undefined && found !== false && found !== null;
  }

  /** A question about documents as they are now. Null where no server answers. One that a change of the files cut short is
   *  asked again. */
  async ask<Answer>(method: string, params: unknown, tries = 3): Promise<Answer | null> {
    if (!this.ready) return null;
    this.client.sync();
    try {
      return await this.client.request<unknown, Answer | null>(method, params);
    } catch (error) {
      if ((error as { code?: number }).code !== CONTENT_MODIFIED || tries === 1) throw error;
    }
    await new Promise((go) => window.setTimeout(go, PAUSE));
    return this.ask(method, params, tries - 1);
  }

  private soon(): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.client.sync(), QUIET);
  }

  private put(parts: Partial<Health>): true {
    knownOf(this.bench).health.set((old) => {
      const before = old[this.language];
      return before ? { ...old, [this.language]: { ...before, ...parts } } : old;
    });
    return true;
  }

  private async explain(): Promise<void> {
    const found = await askAbout(this.bench, this.language);
    if (found && !this.ready) this.put({ servers: found.servers, missing: found.missing });
  }

  private write(text: string): true {
    const line = { at: new Date().toISOString().slice(11, 19), server: this.language, text };
    if (this.lines.push(line) === 1)
      window.setTimeout(() => {
        const some = this.lines.splice(0);
        knownOf(this.bench).output.set((old) => [...old, ...some].slice(-LINES));
      }, PAUSE);
    return true;
  }

  private diagnosed({ uri, diagnostics, version }: { uri: string; diagnostics: Diagnostic[]; version?: number }): true {
    const path = pathOf(uri);
    if (path === null) return true;
    knownOf(this.bench).problems.set(({ [path]: _, ...rest }) =>
      diagnostics.length ? { ...rest, [path]: diagnostics } : rest,
    );
    const file = (this.client.workspace as Files).files.find((one) => one.uri === uri);
    if (file && (version === undefined || version === null || version === file.version)) {
      for (const view of file.views) {
        const plugin = LSPPlugin.get(view);
        if (plugin) diagnosed(view, plugin.syncedDoc, plugin.unsyncedChanges, diagnostics);
      }
    }
    return true;
  }

  private progressed({ token, value }: { token: string | number; value: Record<string, unknown> }): true {
    if (value.kind === "end") this.progress.delete(token);
    else {
      const title = (value.title as string) ?? this.progress.get(token)?.replace(/ \d+ %$/, "") ?? "";
      const percent = typeof value.percentage === "number" ? ` ${Math.round(value.percentage)} %` : "";
      this.progress.set(token, `${title}${percent}`);
    }
    return this.put({ busy: [...this.progress.values()][0] ?? "" });
  }

  private async asked(method: string, params: unknown): Promise<unknown> {
    if (method === "workspace/applyEdit") {
      const { edit, label } = params as { edit: WorkspaceEdit; label?: string };
      const done = await applyEdit(this.bench, edit, label ?? "Edit of a language server");
      return { applied: done };
    }
    if (method === "workspace/configuration") return (params as { items: unknown[] }).items.map(() => null);
    if (/^(client\/(un)?registerCapability|window\/workDoneProgress\/create|workspace\/.*\/refresh)$/.test(method))
      return null;
    throw new Error(`${method} is not known here`);
  }
}

const clients = new WeakMap<Bench, Map<string, LanguageClient>>();

function clientOf(bench: Bench, language: string): LanguageClient {
  const of = clients.get(bench) ?? new Map<string, LanguageClient>();
  clients.set(bench, of);
  let found = of.get(language);
  if (!found) {
    found = new LanguageClient(bench, language);
    of.set(language, found);
  }
  return found;
}

const client = Facet.define<LanguageClient, LanguageClient | null>({ combine: (all) => all[0] ?? null });
export const serving = (view: EditorView): LanguageClient | null => view.state.facet(client);

/** What makes a library's file, which is only read, one of the servers that led to it. */
export function serveLibrary(bench: Bench, uri: string, served: { language: string; id: string }): Extension {
  const found = clientOf(bench, served.language);
  return [client.of(found), found.client.plugin(uri, served.id)];
}

/** What makes an editor of that document one of its language's servers. */
export function serve(document: TextDocument, served: { language: string; id: string }): Extension {
  const found = clientOf(document.bench, served.language);
  const uri = uriOf(document.path);
  document.beforeSave = async () => {
    const view = document.view;
    if (view && settingOf<boolean>("editor.formatOnSave"))
      await formatted(view, found, FORMATTING).catch((error: Error) =>
        document.bench.questions.tell(`Saved without formatting: ${error.message ?? error}`),
      );
  };
  document.afterSave = () => {
    if (!found.ready) return;
    found.client.sync();
    found.client.notification("textDocument/didSave", { textDocument: { uri }, text: document.text.toString() });
  };
  return [client.of(found), found.client.plugin(uri, served.id), autocompletion({ icons: true })];
}
