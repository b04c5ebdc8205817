// Puts who wrote each line beside the editor that is in use, where the setting says so.
import { cursor } from "../editor/cursor";
import type { Bench } from "../shell/bench";
import { settingOf, values } from "../shell/settings";
import { openCommit } from "./open";
import { sourceOf } from "./state";
import { homeOf } from "./whose";

export const BLAME = "editor.blame";

/** Returns how to stop. */
export function followEditors(bench: Bench): () => void {
  const look = () => {
    const now = cursor.get();
    const { view, document } = now ?? {};
    if (!view || !document || !settingOf<boolean>(BLAME)) return;
    void import("./blame").then(({ showBlame }) => {
      if (document.views.has(view)) showBlame(bench, view, document.path);
    });
  };
  const leave = [cursor.subscribe(look), values.subscribe(look)];
  look();
  return () => {
    for (const one of leave) one();
  };
}

/** Opens the commit that the line at the cursor comes from. */
export async function openLineCommit(bench: Bench): Promise<void> {
  const now = cursor.get();
  if (!now?.document) return;
  const { commitOf } = await import("./blame");
  const { repository, path } = homeOf(sourceOf(bench).state.get().repositories ?? [], now.path);
  const line = now.view.state.doc.lineAt(now.view.state.selection.main.head).number;
  const found = await commitOf(sourceOf(bench).base, { repository, path }, line);
  if (found) openCommit(bench, repository, found.commit_id, false);
  else bench.questions.tell("This line is not committed yet.");
}
