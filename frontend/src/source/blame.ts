// Who wrote each line of a file, and in which commit: beside the text, moving with it while one types.
import {
  Compartment,
  type Extension,
  Prec,
  RangeSet,
  RangeSetBuilder,
  StateEffect,
  StateField,
} from "@codemirror/state";
import { type EditorView, GutterMarker, gutter, ViewPlugin } from "@codemirror/view";
import { get } from "../api";
import { soon } from "../inTurn";
import type { Bench } from "../shell/bench";
import { settingOf, values } from "../shell/settings";
import { BLAME } from "./beside";
import { openCommit } from "./open";
import { sourceOf } from "./state";
import type { BlameHunk, Diff } from "./types";
import { type Home, homeOf, whoseLines } from "./whose";
import { ago, inFull } from "./words";

const PAUSE = 400; // ms, after which a changed file is looked at again

class Mark extends GutterMarker {
  override elementClass: string;
  override startSide = 1; // what is typed before a line comes before its mark, too
  override endSide = 1;
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

/** The commit that a line comes from, null where it is not committed. */
export const commitOf = async (base: string, home: Home, line: number): Promise<BlameHunk | null> =>
  (await whose(base, home, line))[line] ?? null;

const place = new Compartment();

/** Shows it in the editor of that file, until the setting says otherwise. */
export function showBlame(bench: Bench, view: EditorView, path: string): void {
  const now = place.get(view.state);
  if (now === undefined) view.dispatch({ effects: StateEffect.appendConfig.of(place.of(blame(bench, path))) });
  else if (Array.isArray(now) && now.length === 0) view.dispatch({ effects: place.reconfigure(blame(bench, path)) });
}

function blame(bench: Bench, path: string): Extension[] {
  const source = sourceOf(bench);
  const home = () => homeOf(source.state.get().repositories ?? [], path);
  const unsaved = () => bench.unsaved.get().has(`text:${path}`); // the server's differences are of what was saved
  const watcher = ViewPlugin.define((view) => {
    let over = false;
    const look = async () => {
      if (!settingOf<boolean>(BLAME)) view.dispatch({ effects: place.reconfigure([]) });
      else if (!unsaved()) {
        const lines = await whose(source.base, home(), view.state.doc.lines);
        if (!over && !unsaved()) view.dispatch({ effects: blamed.of(marksOf(view, lines)) });
      }
    };
    const again = soon(PAUSE, look);
    const leave = [values.subscribe(again), bench.tick.subscribe(again)];
    again();
    return {
      destroy() {
        over = true;
        again.end();
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
  return [marks, watcher, Prec.high(beside)];
}

async function whose(base: string, { repository, path }: Home, total: number): Promise<(BlameHunk | null)[]> {
  const words = new URLSearchParams({ repository, path });
  try {
    const found = await get<{ hunks: BlameHunk[] }>(`${base}/blame?${words}`);
    const diff = await get<Diff>(`${base}/diff/working-copy?${words}&context=0`);
    return whoseLines(found.hunks, diff.files.find((file) => file.path === path)?.hunks ?? [], total);
  } catch {
    return []; // not committed yet
  }
}
