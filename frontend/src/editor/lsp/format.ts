// Formatting by a language's server.
import { getIndentUnit, indentUnit } from "@codemirror/language";
import { LSPPlugin } from "@codemirror/lsp-client";
import type { EditorView } from "@codemirror/view";
import { changesOf, type TextEdit } from "../text";
import type { LanguageClient } from "./servers";

/** Formats the text of that editor. What was typed while the server thought is not overwritten: then nothing happens. Fails where
 *  the server takes longer than `patience`, milliseconds; what it says then comes too late to be taken. */
export async function formatted(view: EditorView, client: LanguageClient, patience = Infinity): Promise<boolean> {
  const { state } = view;
  const uri = LSPPlugin.get(view)?.uri;
  if (!uri || !client.can("documentFormattingProvider")) return false;
  const options = { tabSize: getIndentUnit(state), insertSpaces: !state.facet(indentUnit).includes("\t") };
  const answer = client.ask<TextEdit[]>("textDocument/formatting", { textDocument: { uri }, options });
  const edits = await (patience === Infinity ? answer : Promise.race([answer, late(patience)]));
  if (!edits?.length || view.state.doc !== state.doc) return false;
  view.dispatch({ changes: changesOf(state.doc, edits), userEvent: "format" });
  return true;
}

const late = (patience: number): Promise<never> =>
  new Promise((_, refuse) =>
    window.setTimeout(() => refuse(new Error("The language server did not answer.")), patience),
  );
