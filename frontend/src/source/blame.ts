// Who wrote each line of a file, and in which commit: beside the text, moving with it while one types.
import { type Extension, RangeSet, RangeSetBuilder, StateEffect, StateField } from "@codemirror/state";
import { type EditorView, GutterMarker, gutter, ViewPlugin } from "@codemirror/view";
import { get } from "../api";
import type { Bench } from "../shell/bench";
import { settingOf, values } from "../shell/settings";
import { openCommit } from "./open";
import { sourceOf } from "./state";
import type { BlameHunk, Diff } from "./types";
import { homeOf, whoseLines } from "./whose";
import { ago, inFull } from "./words";

export const BLAME = "editor.blame";
const PAUSE = 400; // ms, after which a changed file is looked at again
type Blame = { hunks: BlameHunk[] };

class Mark extends GutterMarker {
  override elementClass: string;
  constructor(
    readonly part: BlameHunk,
    readonly first: boolean,
  ) {
    super();
    this.elementClass = first ? "begins" : "";
  }
  override eq(other: Mark): boolean {
    return this.part === other.part && this.first === other.first;
  }
  override toDOM(): Node {
    const { author, time, summary, commit_id } = this.part;
    const shown = document.createElement("span");
    shown.title = `${summary}\n${author.name}, ${inFull(time)}\n${commit_id.slice(0, 10)}: a click opens it`;
    if (this.first) shown.textContent = `${author.name}, ${ago(time)}`;
    else shown.textContent = "\u00a0";
    return shown;
  }
}

const blamed = StateEffect.define<RangeSet<Mark>>();
const marks = StateField.define<RangeSet<Mark>>({
  create: () => RangeSet.empty,
  update(now, change) {
    let next = now.map(change.changes);
    for (const effect of change.effects) if (effect.is(blamed)) next = effect.value;
    return next;
  },
});

function marksOf(view: EditorView, lines: (BlameHunk | null)[]): RangeSet<Mark> {
  const builder = new RangeSetBuilder<Mark>();
  for (let n = 1; n <= view.state.doc.lines; n += 1) {
    const part = lines[n];
    if (!part) continue;
    const at = view.state.doc.line(n).from;
    builder.add(at, at, new Mark(part, lines[n - 1]?.commit_id !== part.commit_id));
  }
  return builder.finish();
}

/** The commit that the line at the cursor comes from. */
export function commitAt(view: EditorView): BlameHunk | null {
  const at = view.state.doc.lineAt(view.state.selection.main.head).from;
  let found: BlameHunk | null = null;
  view.state.field(marks, false)?.between(at, at, (_, __, mark) => {
    found = mark.part;
  });
  return found;
}

/** The extension for the editor of one file. It shows itself where the setting says so. */
export function blame(bench: Bench, tabId: string, path: string): Extension {
  const source = sourceOf(bench);
  const home = () => homeOf(source.state.get().repositories ?? [], path);
  const watcher = ViewPlugin.define((view) => {
    let timer = 0;
    let over = false;
    const look = async () => {
      if (over || !settingOf<boolean>(BLAME) || bench.unsaved.get().has(tabId)) return;
      const { repository, path: inside } = home();
      const words = new URLSearchParams({ repository, path: inside });
      try {
        const found = await get<Blame>(`${source.base}/blame?${words}`);
        const diff = await get<Diff>(`${source.base}/diff/working-copy?${words}&context=0`);
        if (over || bench.unsaved.get().has(tabId)) return;
        const hunks = diff.files.find((file) => file.path === inside)?.hunks ?? [];
        view.dispatch({ effects: blamed.of(marksOf(view, whoseLines(found.hunks, hunks, view.state.doc.lines))) });
      } catch {
        if (!over) view.dispatch({ effects: blamed.of(RangeSet.empty) }); // not committed yet
      }
    };
    const soon = () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(look, PAUSE);
    };
    const leave = [values.subscribe(soon), bench.tick.subscribe(soon)];
    soon();
    return {
      destroy() {
        over = true;
        window.clearTimeout(timer);
        for (const one of leave) one();
      },
    };
  });
  const beside = gutter({
    class: "cm-blame",
    markers: (view) => view.state.field(marks),
    domEventHandlers: {
      click(view, line) {
        view.state.field(marks).between(line.from, line.from, (_, __, mark) => {
          openCommit(bench, home().repository, mark.part.commit_id);
        });
        return true;
      },
    },
  });
  return [marks, watcher, beside];
}
