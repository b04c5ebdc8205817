// What servers find wrong, under the words that it is about.
import { lintGutter, type Diagnostic as Shown, setDiagnostics } from "@codemirror/lint";
import type { ChangeSet, Extension, Text } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";
import { offsetOf } from "../text";
import { type Diagnostic, severityOf } from "./state";

export const showProblems: Extension = lintGutter({ hoverTime: 200 });

/** `told` is the text that the servers spoke of, `since` what was typed after it. */
export function diagnosed(view: EditorView, told: Text, since: ChangeSet, found: Diagnostic[]): void {
  const shown = found.map((one): Shown => {
    const from = since.mapPos(offsetOf(told, one.range.start), 1);
    const to = Math.max(from, since.mapPos(offsetOf(told, one.range.end), -1));
    return {
      from,
      to: to === from ? Math.min(from + 1, view.state.doc.length) : to,
      severity: severityOf(one),
      source: [one.source, one.code].filter((word) => word !== undefined && word !== "").join(" "),
      message: one.message,
      markClass: one.tags?.includes(1) ? "cm-lintRange-unnecessary" : undefined,
    };
  });
  view.dispatch(setDiagnostics(view.state, shown));
}
