// Quick open: all files of the working copy that git does not ignore, asked for once and again after changes.
import { type Entry, post } from "../api";
import type { Bench } from "../shell/bench";
import { best } from "../shell/fuzzy";
import type { Found } from "../shell/registry";

const SHOWN = 60;
const known = new WeakMap<Bench, { tick: number; paths: Promise<string[]> }>();

export function pathsOf(bench: Bench): Promise<string[]> {
  const tick = bench.tick.get();
  const kept = known.get(bench);
  if (kept?.tick === tick) return kept.paths;
  const paths = post<{ entries: Entry[] }>(`/workspace/${bench.sessionId}/file-tree`, {
    depth: 100,
    ignored: false,
  }).then((tree) => {
    const found: string[] = [];
    const walk = (entries: Entry[]) => {
      for (const entry of entries) {
        if (entry.type === "file") found.push(entry.path);
        if (entry.children && entry.name !== ".git") walk(entry.children);
      }
    };
    walk(tree.entries);
    return found;
  });
  known.set(bench, { tick, paths });
  paths.catch(() => known.delete(bench));
  return paths;
}

export async function findFiles(bench: Bench, query: string): Promise<Found[]> {
  const [words = "", line] = query.split(/:(?=\d*$)/);
  const open = bench.layout.get().groups.flatMap((group) => group.tabs.flatMap((tab) => tab.path ?? []));
  const paths = [...new Set([...open, ...(await pathsOf(bench))])];
  return best(words, paths, (path) => path, SHOWN).map(({ item: path, fit }) => {
    const at = path.lastIndexOf("/") + 1;
    return {
      id: path,
      title: path.slice(at),
      detail: path.slice(0, Math.max(0, at - 1)),
      icon: "file",
      marks: fit.marks.filter((mark) => mark >= at).map((mark) => mark - at),
      run: () => bench.openFile(path, line ? Number(line) : null),
    };
  });
}
