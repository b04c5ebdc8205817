// A minute of one number as a line, with words for who does not see it.
import { SECONDS } from "./metrics";

const WIDTH = 120;
const HEIGHT = 22;

type Props = {
  label: string;
  points: { at: number; value: number }[];
  ceiling: number;
  limit: number | null;
  say: (value: number) => string;
};

/** `ceiling` is the top of the scale at least; what is higher raises it. `limit` 0 or null: none. `at` in milliseconds. */
export function Sparkline({ label, points, ceiling, limit, say }: Props) {
  const last = points.at(-1);
  if (!last) return <span className="spark soft">{label} –</span>;
  const most = Math.max(...points.map((point) => point.value));
  const top = Math.max(ceiling, most) || 1;
  const x = (at: number) => (WIDTH - 2 - ((last.at - at) / (SECONDS * 1000)) * (WIDTH - 2)).toFixed(1);
  const y = (value: number) => (HEIGHT - 1.5 - (value / top) * (HEIGHT - 3)).toFixed(1);
  const line = points.map((point) => `${x(point.at)},${y(point.value)}`).join(" ");
  const area = `${x(points[0]?.at ?? last.at)},${HEIGHT} ${line} ${x(last.at)},${HEIGHT}`;
  const words = `${label} ${say(last.value)} now, at most ${say(most)} in the last minute${limit ? `, of ${say(limit)}` : ""}`;
  return (
    <span className="spark" title={words}>
      <span className="soft">{label}</span>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={words}>
        <polygon points={area} />
        <polyline points={line} />
      </svg>
      <b>{say(last.value)}</b>
    </span>
  );
}
