// Where one was in each file: a tab that is shown anew, and a page that is loaded again, begin there.
import { EditorView } from "@codemirror/view";
import type { Bench } from "../shell/bench";

const MOST = 100; // files of a session, the last that were left

/** Goes to where one was in what is called so. Returns how to leave it. */
export function stay(bench: Bench, name: string, view: EditorView): () => void {
  const kept = `places.${bench.sessionId}`;
  const places = () => JSON.parse(localStorage.getItem(kept) ?? "{}") as Record<string, number>;
  const anchor = Math.min(places()[name] ?? 0, view.state.doc.length);
  if (anchor > 0) view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
  const keep = () => {
    const { [name]: _, ...others } = places();
    const all = Object.entries({ ...others, [name]: view.state.selection.main.head });
    localStorage.setItem(kept, JSON.stringify(Object.fromEntries(all.slice(-MOST))));
  };
  window.addEventListener("pagehide", keep);
  return () => {
    window.removeEventListener("pagehide", keep);
    keep();
  };
}
