// Formatting by a language's server.
import { getIndentUnit, indentUnit } from "@codemirror/language";
import { LSPPlugin } from "@codemirror/lsp-client";
import type { EditorView } from "@codemirror/view";
import { changesOf, type TextEdit } from "../text";
import type { LanguageClient } from "./servers";

/** Formats the text of that editor. What was typed while the server thought is not overwritten: then nothing happens. */
export async function formatted(view: EditorView, client: LanguageClient): Promise<boolean> {
  const { state } = view;
  const uri = LSPPlugin.get(view)?.uri;
  if (!uri || !client.can("documentFormattingProvider")) return false;
  const options = { tabSize: getIndentUnit(state), insertSpaces: !state.facet(indentUnit).includes("\t") };
  const edits = await client.ask<TextEdit[]>("textDocument/formatting", { textDocument: { uri }, options });
  if (!edits?.length || view.state.doc !== state.doc) return false;
  view.dispatch({ changes: changesOf(state.doc, edits), userEvent: "format" });
  return true;
}
