// A row of the history's lanes.
import type { Edge, GraphRow } from "./graph";

const STEP = 12;
const MOST = 12; // lanes that are drawn; the rest run along the last one

const x = (lane: number) => 9 + Math.min(lane, MOST - 1) * STEP;
export const graphWidth = (lanes: number) => x(Math.min(lanes, MOST) - 1) + 9;

function path(edge: Edge, lane: number, height: number): string {
  const middle = height / 2;
  if (edge.half === "top") return bend(x(edge.from), 0, x(lane), middle);
  if (edge.half === "bottom") return bend(x(lane), middle, x(edge.to), height);
  return bend(x(edge.from), 0, x(edge.to), height);
}

const bend = (x1: number, y1: number, x2: number, y2: number) =>
  x1 === x2 ? `M${x1} ${y1}V${y2}` : `M${x1} ${y1}C${x1} ${(y1 + y2) / 2} ${x2} ${(y1 + y2) / 2} ${x2} ${y2}`;

export function Graph({ row, height, merge }: { row: GraphRow; height: number; merge: boolean }) {
  const width = graphWidth(row.lanes);
  return (
    <svg className="graph" width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      {row.edges.map((edge) => (
        <path
          key={`${edge.half}${edge.from}-${edge.to}`}
          d={path(edge, row.lane, height)}
          className={`lane lane-${edge.colour}`}
        />
      ))}
      <circle cx={x(row.lane)} cy={height / 2} r={4} className={`lane-${row.colour} ${merge ? "joins" : "plain"}`} />
    </svg>
  );
}
