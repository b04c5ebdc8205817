// Quick open: all files of the working copy that git does not ignore, asked for once and again after changes. Where those are too
// many to be sent, the server looks through the rest for what was typed.
import { ask, type Entry } from "../api";
import type { Bench } from "../shell/bench";
import { best } from "../shell/fuzzy";
import type { Found } from "../shell/registry";

const SHOWN = 60;
const MOST = 200; // letters that the server is asked about
type Tree = { paths: string[]; truncated: boolean };
type Known = { tick: number; tree: Promise<Tree>; fitting: { letters: string; tree: Promise<Tree> } | null };
const known = new WeakMap<Bench, Known>();

export const pathsOf = async (bench: Bench): Promise<string[]> => (await knownOf(bench).tree).paths;

function knownOf(bench: Bench): Known {
  const tick = bench.tick.get();
  const kept = known.get(bench);
  if (kept?.tick === tick) return kept;
  const made: Known = { tick, tree: list(bench, ""), fitting: null };
  known.set(bench, made);
  made.tree.catch(() => known.get(bench) === made && known.delete(bench));
  return made;
}

async function list(bench: Bench, letters: string): Promise<Tree> {
  const query = { depth: 100, ignored: false, letters };
  const found = await ask<{ entries: Entry[]; truncated: boolean }>(`/workspace/${bench.sessionId}/file-tree`, query);
  const paths: string[] = [];
  const walk = (entries: Entry[]) => {
    for (const entry of entries) {
      if (entry.type === "file") paths.push(entry.path);
      if (entry.children && entry.name !== ".git") walk(entry.children);
    }
  };
  walk(found.entries);
  return { paths, truncated: found.truncated };
}

/** Every file that `words` may mean. What fits more letters is among what fits fewer, so an answer serves until it was cut off. */
async function fitting(bench: Bench, words: string): Promise<Tree> {
  const all = knownOf(bench);
  const letters = words.toLowerCase().replace(/\s+/g, "").slice(0, MOST);
  const tree = await all.tree;
  if (!tree.truncated || !letters) return tree;
  let kept = all.fitting;
  while (kept && letters.startsWith(kept.letters)) {
    const found = await kept.tree;
    if (!found.truncated || letters === kept.letters) return found;
    if (kept === all.fitting) break;
    kept = all.fitting; // fewer letters than these were asked about meanwhile
  }
  const made = { letters, tree: list(bench, letters) };
  all.fitting = made;
  made.tree.catch(() => {
    if (all.fitting === made) all.fitting = null;
  });
  return made.tree;
}

export async function findFiles(bench: Bench, query: string): Promise<Found[]> {
  const [words = "", line] = query.split(/:(?=\d*$)/);
  const open = bench.layout.get().groups.flatMap((group) => group.tabs.flatMap((tab) => tab.path ?? []));
  const tree = await fitting(bench, words);
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
  if (tree.truncated && words.trim())
    found.push({
      id: ":rest",
      title: `More files than the ${tree.paths.length.toLocaleString()} nearest to the top fit: type on`,
      icon: "info",
      run: () => undefined,
    });
  return found;
}
