// The lanes of a history: which line each commit stands on, and how lines lead from row to row.

export type Edge = { from: number; to: number; colour: number; half: "all" | "top" | "bottom" };
/** `from` and `to` are lanes at the row's upper and lower end; half edges end or begin at the commit, in `lane`. */
export type GraphRow = { lane: number; colour: number; lanes: number; edges: Edge[] };
type Waiting = { id: string; colour: number } | null;

export const COLOURS = 6;

/** One row for each commit, newest first. A line that is waited for by nobody begins at its commit. */
export function graphOf(commits: { id: string; parents: string[] }[]): GraphRow[] {
  let before: Waiting[] = [];
  let colours = 0;
  const fresh = () => colours++ % COLOURS;
  return commits.map((commit) => {
    const mine = before.flatMap((line, at) => (line?.id === commit.id ? [at] : []));
    const known = mine[0];
    const lane = known ?? freeLane(before);
    const colour = known === undefined ? fresh() : (before[known]?.colour ?? 0);
    const after: Waiting[] = before.map((line) => (line?.id === commit.id ? null : line));
    const edges: Edge[] = mine.map((at) => ({ from: at, to: lane, colour: before[at]?.colour ?? 0, half: "top" }));
    commit.parents.forEach((parent, number) => {
      // The first one goes on in this lane, even where another line leads there too: both meet at the parent.
      const there = number === 0 ? -1 : after.findIndex((line) => line?.id === parent);
      const to = there >= 0 ? there : number === 0 ? lane : freeLane(after);
      const shade = there >= 0 ? (after[there]?.colour ?? 0) : number === 0 ? colour : fresh();
      after[to] = { id: parent, colour: shade };
      edges.push({ from: lane, to, colour: shade, half: "bottom" });
    });
    before.forEach((line, at) => {
      if (line && line.id !== commit.id) edges.push({ from: at, to: at, colour: line.colour, half: "all" });
    });
    while (after.length > 0 && after.at(-1) === null) after.pop();
    const lanes = Math.max(before.length, after.length, lane + 1);
    before = after;
    return { lane, colour, lanes, edges };
  });
}

function freeLane(lines: Waiting[]): number {
  const at = lines.indexOf(null);
  return at >= 0 ? at : lines.length;
}
