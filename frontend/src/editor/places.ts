// Where one was in each file: a tab that is shown anew, and a page that is loaded again, begin there.
import { EditorView } from "@codemirror/view";
import type { Bench } from "../shell/bench";

const MOST = 100; // files of a session, the last that were left
type Place = { cursor: number; top: number }; // `top` is where the first line in sight begins

/** Goes to where one was in what is called so. Returns how to leave it. */
export function stay(bench: Bench, name: string, view: EditorView): () => void {
  const kept = `placed.${bench.sessionId}`;
  const places = () => JSON.parse(localStorage.getItem(kept) ?? "{}") as Record<string, Place>;
  const { cursor, top } = places()[name] ?? { cursor: 0, top: 0 };
  const within = (at: number) => Math.min(at, view.state.doc.length);
  if (cursor > 0 || top > 0)
    view.dispatch({
      selection: { anchor: within(cursor) },
      effects: EditorView.scrollIntoView(within(top), { y: "start", yMargin: 0 }),
    });
  let scrolled: number | null = null; // px; of what is not in sight it cannot be asked
  const note = () => {
    if (view.scrollDOM.offsetParent) scrolled = view.scrollDOM.scrollTop;
  };
  const keep = () => {
    const { [name]: _, ...others } = places();
    const first = scrolled === null ? top : view.lineBlockAtHeight(scrolled - view.documentPadding.top).from;
    const all = Object.entries({ ...others, [name]: { cursor: view.state.selection.main.head, top: first } });
    localStorage.setItem(kept, JSON.stringify(Object.fromEntries(all.slice(-MOST))));
  };
  view.scrollDOM.addEventListener("scroll", note, { passive: true });
  window.addEventListener("pagehide", keep);
  return () => {
    view.scrollDOM.removeEventListener("scroll", note);
    window.removeEventListener("pagehide", keep);
    keep();
  };
}
