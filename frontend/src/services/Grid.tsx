// Rows and columns, moved through by arrows; the chosen cell is shown whole beneath.
import { type KeyboardEvent, type ReactNode, useRef, useState } from "react";
import type { Column } from "./types";

type Props = {
  columns: Column[];
  rows: unknown[][];
  label: string;
  head?: (column: Column) => ReactNode;
  sorted?: (column: Column) => "ascending" | "descending" | undefined;
};

export function Grid({ columns, rows, label, head, sorted }: Props) {
  const [at, setAt] = useState<[number, number] | null>(null);
  const body = useRef<HTMLTableSectionElement>(null);
  const key = (event: KeyboardEvent) => {
    const moves: Record<string, [number, number]> = {
      ArrowDown: [1, 0],
      ArrowUp: [-1, 0],
      ArrowRight: [0, 1],
      ArrowLeft: [0, -1],
    };
    const move = moves[event.key];
    if (event.key === "Escape") setAt(null);
    if (!move) return;
    event.preventDefault();
    const [row, column] = at ?? [0, 0];
    const next: [number, number] = at
      ? [clamp(row + move[0], rows.length), clamp(column + move[1], columns.length)]
      : [0, 0];
    setAt(next);
    body.current?.rows[next[0]]?.cells[next[1]]?.focus();
  };
  const chosen = at && rows[at[0]]?.[at[1]];
  const column = at && columns[at[1]];
  return (
    <>
      <div className="grid">
        {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: it is a table, moved through as a grid */}
        <table role="grid" aria-label={label} aria-rowcount={rows.length + 1}>
          <thead>
            <tr>
              {columns.map((one, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: names of columns may come twice
                <th key={i} scope="col" aria-sort={sorted?.(one)}>
                  {head ? head(one) : one.name}
                  <span className="type">{one.type}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody ref={body} onKeyDown={key}>
            {rows.map((cells, row) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: rows have no names
              <tr key={row}>
                {cells.map((cell, i) => (
                  // biome-ignore lint/a11y/useKeyWithClickEvents: the body listens to the keys
                  <td
                    // biome-ignore lint/suspicious/noArrayIndexKey: cells have no names
                    key={i}
                    // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a cell of a grid
                    role="gridcell"
                    tabIndex={(at ? at[0] === row && at[1] === i : row === 0 && i === 0) ? 0 : -1}
                    aria-selected={at?.[0] === row && at[1] === i}
                    className={kindOf(cell)}
                    onClick={() => setAt([row, i])}
                    onFocus={() => setAt([row, i])}
                  >
                    {brief(cell)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        {rows.length === 0 && <p className="soft empty">No rows.</p>}
      </div>
      {at && column && rows[at[0]] && (
        <section className="cell" aria-label={`Value of ${column.name}`}>
          <div className="row">
            <b>{column.name}</b> <span className="soft">{column.type}</span>
            <span className="grow" />
            <button type="button" className="tool" aria-label="Close the value" onClick={() => setAt(null)}>
              ×
            </button>
          </div>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
          <pre tabIndex={0}>{whole(chosen)}</pre>
        </section>
      )}
    </>
  );
}

const clamp = (n: number, count: number) => Math.max(0, Math.min(n, count - 1));

type Cut = { truncated: true; bytes: number; text?: string; base64?: string };
const isCut = (cell: unknown): cell is Cut => typeof cell === "object" && cell !== null && "truncated" in cell;

function kindOf(cell: unknown): string | undefined {
  if (cell === null || cell === undefined) return "null";
  return typeof cell === "number" ? "number" : undefined;
}

/** A cell in a line. */
export function brief(cell: unknown): string {
  const text = whole(cell);
  const line = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return line.replace(/\s+/g, " ");
}

/** A cell as it is; bytes as hexadecimal. */
export function whole(cell: unknown): string {
  if (cell === null || cell === undefined) return "NULL";
  if (typeof cell === "string") return cell;
  if (isCut(cell)) return `${cell.text ?? hex(cell.base64 ?? "")}… (${cell.bytes} bytes)`;
  if (typeof cell === "object" && "base64" in cell && Object.keys(cell).length === 1) return hex(String(cell.base64));
  return JSON.stringify(cell, null, typeof cell === "object" ? 2 : 0);
}

function hex(base64: string): string {
  return `\\x${[...atob(base64)].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("")}`;
}
