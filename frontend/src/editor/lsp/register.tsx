// Language servers on the page: commands at the cursor, problems, outline, references, output, and how each server is.
import type { EditorView } from "@codemirror/view";
import { lazy } from "react";
import { post } from "../../api";
import type { Bench } from "../../shell/bench";
import type { MenuItem } from "../../shell/controls";
import { best } from "../../shell/fuzzy";
import { Icon } from "../../shell/icons";
import { command, finder, status, view } from "../../shell/registry";
import { useStore } from "../../shell/store";
import { cursor, move } from "../cursor";
import { serverLanguage } from "../names";
import { askAbout, counted, described, knownOf, showLog, told } from "./state";

const actions = () => import("./actions");
const isText = (bench: Bench) => bench.tab?.kind === "text" && cursor.get() !== null;
/** Also a library's file, of which one asks and which one does not change. */
const isCode = (bench: Bench) => isText(bench) || (bench.tab?.kind === "library" && cursor.get() !== null);

/** A command of the editor that the cursor is in. */
function atCursor(
  id: string,
  title: string,
  keys: string | undefined,
  run: (bench: Bench, at: EditorView) => unknown,
  when = isText,
): void {
  command({
    id: `code.${id}`,
    group: "Code",
    title,
    keys,
    when,
    run: (bench) => {
      const at = cursor.get();
      return at ? run(bench, at.view) : undefined;
    },
  });
}

atCursor(
  "definition",
  "Go to definition",
  "F12",
  async (bench, at) => (await actions()).jump(bench, at, "definition"),
  isCode,
);
atCursor(
  "declaration",
  "Go to declaration",
  undefined,
  async (bench, at) => (await actions()).jump(bench, at, "declaration"),
  isCode,
);
atCursor(
  "type",
  "Go to type definition",
  undefined,
  async (bench, at) => (await actions()).jump(bench, at, "typeDefinition"),
  isCode,
);
atCursor(
  "implementation",
  "Go to implementation",
  "Mod-F12",
  async (bench, at) => (await actions()).jump(bench, at, "implementation"),
  isCode,
);
atCursor(
  "references",
  "Find references",
  "Shift-F12",
  async (bench, at) => (await actions()).findReferences(bench, at),
  isCode,
);
atCursor("rename", "Rename symbol", "F2", async (bench, at) => (await actions()).rename(bench, at));
atCursor("format", "Format the file", "Shift-Alt-F", async (bench, at) => (await actions()).format(bench, at));
atCursor("nextProblem", "Next problem", "F8", async (bench, at) => (await actions()).nextProblem(bench, at, 1));
atCursor("previousProblem", "Previous problem", "Shift-F8", async (bench, at) =>
  (await actions()).nextProblem(bench, at, -1),
);
atCursor("fix", "Fix… (code actions)", "Mod-.", async (bench, at) => {
  const { codeActions, act } = await actions();
  const found = await codeActions(bench, at);
  if (found.length === 0) return bench.questions.tell("Nothing can be done here.");
  const place = at.coordsAtPos(at.state.selection.main.head);
  const items: MenuItem[] = found.map((one, number) => ({
    id: `${number}`,
    title: one.title,
    icon: one.isPreferred || one.kind?.startsWith("quickfix") ? "bulb" : undefined,
    run: () => void act(bench, at, one),
  }));
  bench.menu.set({ at: { x: place?.left ?? 200, y: (place?.bottom ?? 200) + 2 }, items });
});

finder({
  prefix: "@",
  title: "Symbols",
  placeholder: "A name of this file",
  find: async (bench, query) => {
    const at = cursor.get();
    if (!at) return [];
    const rows = await (await actions()).symbols(at.view);
    if (!rows) throw new Error("No server knows the names of this file.");
    return best(query, rows, (one) => one.name, 100).map(({ item, fit }) => ({
      id: `${item.name}:${item.range.start.line}:${item.range.start.character}`,
      title: item.name,
      detail: item.detail || `line ${item.range.start.line + 1}`,
      marks: fit.marks,
      run: () => move(bench, at, item.range.start.line + 1, item.range.start.character + 1),
    }));
  },
});
command({
  id: "palette.symbols",
  group: "Code",
  title: "Go to a symbol of this file…",
  keys: "Mod-Shift-O",
  when: isCode,
  run: (bench) => bench.asking.set("@"),
});

function ProblemCount({ bench }: { bench: Bench }) {
  const { errors, warnings } = counted(useStore(knownOf(bench).problems));
  return errors + warnings > 0 ? <span className="badge">{errors + warnings}</span> : null;
}
view({
  id: "problems",
  place: "panel",
  title: "Problems",
  icon: "problems",
  order: 20,
  keys: "Mod-Shift-M",
  badge: ProblemCount,
  component: lazy(() => import("./ProblemsView")),
});
view({
  id: "references",
  place: "panel",
  title: "References",
  icon: "link",
  order: 30,
  component: lazy(() => import("./ReferencesView")),
});
view({
  id: "output",
  place: "panel",
  title: "Output",
  icon: "info",
  order: 40,
  component: lazy(() => import("./OutputView")),
});
view({
  id: "outline",
  place: "side",
  title: "Outline",
  icon: "outline",
  order: 60,
  component: lazy(() => import("./OutlineView")),
});

function Problems({ bench }: { bench: Bench }) {
  const { errors, warnings } = counted(useStore(knownOf(bench).problems));
  return (
    <button type="button" title="Problems" onClick={() => bench.show("problems")}>
      <Icon name="error" size={13} />
      {errors}
      <span className="hidden"> errors, </span>
      <Icon name="warning" size={13} />
      {warnings}
      <span className="hidden"> warnings</span>
    </button>
  );
}
status({ id: "problems", side: "left", order: 20, component: Problems });

const healthOf = (bench: Bench) => {
  const at = cursor.get();
  return at ? knownOf(bench).health.get()[serverLanguage(at.path)?.language ?? ""] : undefined;
};

/** What runs for the open file and how much memory it takes, what is missing, and what can be done about both. */
async function openServers(bench: Bench, left: number): Promise<void> {
  const found = healthOf(bench);
  if (!found) return bench.questions.tell("No language server is for this file.");
  const { language } = found;
  const complain = (error: Error) => bench.questions.tell(error.message, "error");
  const restart = () => void post(`/workspace/${bench.sessionId}/language-servers/${language}/restart`).catch(complain);
  const running = (await askAbout(bench, language))?.servers ?? [];
  const { tone, text } = told(found);
  const items: MenuItem[] = [
    ...(tone === "good" && running.length > 0
      ? []
      : [{ id: "text", title: text, icon: "info", run: () => bench.show("output") } as const]),
    ...running.map(
      (one): MenuItem => ({
        id: one.name,
        title: described(one),
        icon: one.state === "ready" ? "check" : "info",
        run: () => void showLog(bench, language, one.name).catch(complain),
      }),
    ),
    ...found.missing.map(
      (one): MenuItem => ({
        id: `install ${one.name}`,
        title: `Install ${one.name} in a terminal`,
        icon: "terminal",
        run: () => {
          bench.run("terminal.type", one.install);
          bench.questions.tell(`Once ${one.name} is installed:`, "info", [{ label: "Start it", run: restart }]);
        },
      }),
    ),
    "line",
    { id: "restart", title: "Restart the servers", icon: "reload", run: restart },
    { id: "output", title: "Show their output", icon: "info", run: () => bench.show("output") },
  ];
  bench.menu.set({ at: { x: left, y: window.innerHeight - 60 - 30 * items.length }, items });
}
command({
  id: "code.servers",
  group: "Code",
  title: "Language servers of this file…",
  icon: "info",
  when: isCode,
  run: (bench) => openServers(bench, window.innerWidth),
});

/** How the servers of the open file's language are, in a word; why and what to do is in its menu. */
function Servers({ bench }: { bench: Bench }) {
  const at = useStore(cursor);
  const health = useStore(knownOf(bench).health);
  const language = at && serverLanguage(at.path)?.language;
  const found = language ? health[language] : undefined;
  if (!found) return null;
  const { tone, word, text } = told(found);
  return (
    <button
      type="button"
      className={tone === "bad" || tone === "warn" ? tone : ""}
      title={text}
      aria-haspopup="menu"
      onClick={(event) => void openServers(bench, event.currentTarget.getBoundingClientRect().left)}
    >
      {tone === "bad" || tone === "warn" ? <Icon name="warning" size={13} /> : null}
      {found.busy || `${found.language}${word ? `: ${word}` : ""}`}
    </button>
  );
}
status({ id: "servers", side: "right", order: 50, component: Servers });
