// What the text editor can do by itself, and what of it follows the settings.
import { closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState, type Extension } from "@codemirror/state";
import {
  crosshairCursor,
  drawSelection,
  dropCursor,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  rectangularSelection,
} from "@codemirror/view";
import type { Bench, Goal } from "../shell/bench";
import { settingOf } from "../shell/settings";
import { painted } from "./painted";

/** What a file is indented with, by its first lines: spaces of that number, a tab, or null where none shows. */
export function indentOf(lines: Iterable<string>): string | null {
  let before = 0;
  const steps = new Map<number, number>();
  for (const line of lines) {
    if (line.startsWith("\t")) return "\t";
    if (!line.trim()) continue;
    const now = line.length - line.trimStart().length;
    const step = Math.abs(now - before);
    if (step > 1 && step <= 8) steps.set(step, (steps.get(step) ?? 0) + 1);
    before = now;
  }
  const [most] = [...steps].sort((a, b) => b[1] - a[1]);
  return most ? " ".repeat(most[0]) : null;
}

/** What follows the settings; made anew when one changes. */
export function chosen(lines: Iterable<string>): Extension {
  const size = settingOf<number>("editor.tabSize");
  const unit = indentOf(lines) ?? (settingOf<boolean>("editor.insertSpaces") ? " ".repeat(size) : "\t");
  return [
    EditorState.tabSize.of(size),
    indentUnit.of(unit),
    settingOf<boolean>("editor.wrap") ? EditorView.lineWrapping : [],
    settingOf<boolean>("editor.lineNumbers") ? lineNumbers() : [],
  ];
}

/** What an extension fails with is told, not logged: of a language server it is a plain object. */
export const complaining = (bench: Bench): Extension =>
  EditorView.exceptionSink.of((error) => bench.questions.tell(`The editor: ${(error as Error).message ?? error}`));

export const basics: Extension = [
  EditorView.contentAttributes.of({ tabindex: "0" }), // so that what scrolls is known to be reached by keys
  highlightSpecialChars(),
  foldGutter(),
  history(),
  drawSelection(),
  dropCursor(),
  EditorState.allowMultipleSelections.of(true),
  indentOnInput(),
  bracketMatching(),
  closeBrackets(),
  rectangularSelection(),
  crosshairCursor(),
  highlightActiveLine(),
  highlightActiveLineGutter(),
  highlightSelectionMatches(),
  search({ top: true }),
  keymap.of([
    ...closeBracketsKeymap,
    ...defaultKeymap,
    ...searchKeymap,
    ...historyKeymap,
    ...foldKeymap,
    ...completionKeymap,
    ...lintKeymap,
    indentWithTab,
  ]),
  painted,
];

/** Shows that place, selected, and takes the focus. */
export function reach(view: EditorView, goal: Goal): void {
  view.focus();
  if (goal.line === undefined) return;
  const place = (line: number, column: number) => {
    const at = view.state.doc.line(Math.max(1, Math.min(line, view.state.doc.lines)));
    return at.from + Math.max(0, Math.min(column - 1, at.length));
  };
  const anchor = place(goal.line, goal.column ?? 1);
  const head = goal.to ? place(goal.to.line, goal.to.column) : anchor;
  view.dispatch({ selection: { anchor, head }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
}
