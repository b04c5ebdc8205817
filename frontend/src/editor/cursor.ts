// Which editor was last in use, for the status bar, the outline and commands. A new object with each move of the cursor.
import type { EditorView } from "@codemirror/view";
import type { Bench } from "../shell/bench";
import { createStore } from "../shell/store";
import type { TextDocument } from "./documents";

/** A library's file has no document, since nothing is written there, and its URI for a path. */
export type Cursor = { view: EditorView; path: string; document: TextDocument | null };
export const cursor = createStore<Cursor | null>(null);

/** Another place of the same file. Both from 1. */
export function move(bench: Bench, { document, path }: Cursor, line: number, column = 1): void {
  if (document) bench.openFile(path, { line, column });
  else bench.goal.set({ path, line, column });
}
