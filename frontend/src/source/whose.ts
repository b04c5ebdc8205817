// Whose each line of a file is, and which repository a file belongs to.
import type { BlameHunk, Hunk, Repository } from "./types";

/** For each line of the file as it is (1-based, so the first is empty): who wrote it, null where it is not committed. `hunks` are
 * the differences to the commit that was blamed. */
export function whoseLines(blame: BlameHunk[], hunks: Hunk[], total: number): (BlameHunk | null)[] {
  const old: BlameHunk[] = [];
  for (const part of blame) for (let n = 0; n < part.lines; n += 1) old[part.start + n] = part;
  const found: (BlameHunk | null)[] = [null];
  let at = 1; // in the committed file
  let hunk = 0;
  while (found.length <= total) {
    const next = hunks[hunk];
    const begins = next && (next.new_lines > 0 ? next.new_start : next.new_start + 1);
    if (next && found.length === begins) {
      for (let n = 0; n < next.new_lines && found.length <= total; n += 1) found.push(null);
      at += next.old_lines;
      hunk += 1;
    } else {
      found.push(old[at] ?? null);
      at += 1;
    }
  }
  return found;
}

export type Home = { repository: string; path: string };

/** The repository that holds the file, and what it calls the file. */
export function homeOf(repositories: Repository[], path: string): Home {
  const homes = repositories.filter((one) => one.path && path.startsWith(`${one.path}/`));
  const home = homes.sort((a, b) => b.path.length - a.path.length)[0];
  return home ? { repository: home.name, path: path.slice(home.path.length + 1) } : { repository: "root", path };
}
