// Which editor was last in use, for the status bar, the outline and commands. A new object with each move of the cursor.
import type { EditorView } from "@codemirror/view";
import { createStore } from "../shell/store";
import type { TextDocument } from "./documents";

export const cursor = createStore<{ view: EditorView; document: TextDocument } | null>(null);
