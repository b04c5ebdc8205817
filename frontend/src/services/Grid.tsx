// Rows and columns, moved through by arrows; the chosen cell is shown whole beneath.
import { type KeyboardEvent, type ReactNode, useRef, useState } from "react";
import { Icon } from "../shell/icons";
import { isExact } from "./exact";
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
                    {brief(cell, columns[i]?.type)}
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
              <Icon name="close" size={12} />
            </button>
          </div>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
          <pre tabIndex={0}>{whole(chosen, column.type)}</pre>
        </section>
      )}
    </>
  );
}

const clamp = (n: number, count: number) => Math.max(0, Math.min(n, count - 1));

type Cut = { truncated: true; bytes: number | null; text?: string; base64?: string };

function kindOf(cell: unknown): string | undefined {
  if (cell === null || cell === undefined) return "null";
  return typeof cell === "number" || isExact(cell) ? "number" : undefined;
}

/** A cell in a line. */
export function brief(cell: unknown, type = ""): string {
  const text = whole(cell, type);
  const line = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return line.replace(/\s+/g, " ");
}

/** A cell as it is; bytes as hexadecimal. What a column of JSON holds is itself, whatever it is like. */
export function whole(cell: unknown, type = ""): string {
  if (cell === null || cell === undefined) return "NULL";
  if (typeof cell === "string") return cell;
  if (typeof cell === "object" && !isExact(cell)) {
    const json = type.startsWith("json");
    const names = Object.keys(cell).sort().join();
    if (names === "bytes,text,truncated" || (names === "base64,bytes,truncated" && !json)) {
      const cut = cell as Cut;
      const rest = cut.bytes === null ? "only the beginning is here" : `${cut.bytes} bytes`;
      return `${cut.text ?? hex(cut.base64 ?? "")}… (${rest})`;
    }
    if (names === "base64" && !json) return hex(String((cell as { base64: string }).base64));
  }
  return JSON.stringify(cell, null, typeof cell === "object" ? 2 : 0);
}

function hex(base64: string): string {
  return `\\x${[...atob(base64)].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("")}`;
}
