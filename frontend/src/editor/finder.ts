// Quick open: all files of the working copy that git does not ignore, asked for once and again after changes.
import { ask, type Entry } from "../api";
import type { Bench } from "../shell/bench";
import { best } from "../shell/fuzzy";
import type { Found } from "../shell/registry";

const SHOWN = 60;
type Tree = { paths: string[]; truncated: boolean };
const known = new WeakMap<Bench, { tick: number; tree: Promise<Tree> }>();

export const pathsOf = async (bench: Bench): Promise<string[]> => (await treeOf(bench)).paths;

function treeOf(bench: Bench): Promise<Tree> {
  const tick = bench.tick.get();
  const kept = known.get(bench);
  if (kept?.tick === tick) return kept.tree;
  const tree = ask<{ entries: Entry[]; truncated: boolean }>(`/workspace/${bench.sessionId}/file-tree`, {
    depth: 100,
    ignored: false,
  }).then(({ entries, truncated }) => {
    const paths: string[] = [];
    const walk = (entries: Entry[]) => {
      for (const entry of entries) {
        if (entry.type === "file") paths.push(entry.path);
        if (entry.children && entry.name !== ".git") walk(entry.children);
      }
    };
    walk(entries);
    return { paths, truncated };
  });
  known.set(bench, { tick, tree });
  tree.catch(() => known.get(bench)?.tree === tree && known.delete(bench));
  return tree;
}

export async function findFiles(bench: Bench, query: string): Promise<Found[]> {
  const [words = "", line] = query.split(/:(?=\d*$)/);
  const open = bench.layout.get().groups.flatMap((group) => group.tabs.flatMap((tab) => tab.path ?? []));
  const tree = await treeOf(bench);
  const paths = [...new Set([...open, ...tree.paths])];
  const found = best(words, paths, (path) => path, SHOWN).map(({ item: path, fit }): Found => {
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
  if (tree.truncated)
    found.push({
      id: ":rest",
      title: `Of very many files the ${tree.paths.length.toLocaleString()} nearest to the top are looked through`,
      detail: "Search finds the others",
      icon: "info",
      run: () => bench.show("search"),
    });
  return found;
}
