// Comma-separated values as a table, of which only what is in sight is drawn.
import { useMemo } from "react";
import { Button, Notice } from "../parts/controls";
import type { EditorProps } from "../shell/registry";
import { useWindow } from "../shell/useWindow";
import { useBytes } from "./content";
import { parseCsv, separatorOf } from "./csv";

const MOST = 200_000; // rows
const HEIGHT = 26;

export default function SheetTab({ bench, tab }: EditorProps) {
  const path = tab.path ?? "";
  const { content, failure } = useBytes(bench, path);
  const rows = useMemo(() => {
    const text = content ? new TextDecoder().decode(content.bytes) : "";
    return parseCsv(text, separatorOf(path, text), MOST);
  }, [content, path]);
  const [head = [], ...body] = rows;
  const { from, to, onScroll, ref } = useWindow(body.length, HEIGHT);
  const columns = head.map((name, number) => ({ name, key: `${number}` }));
  return (
    <div className="shown-as">
      <div className="bar">
        <span className="grow">
          {body.length.toLocaleString()} rows, {columns.length} columns{rows.length === MOST && " (cut off here)"}
        </span>
        <Button kind="quiet" onClick={() => bench.run("file.asText")}>
          Edit as text
        </Button>
      </div>
      <Notice text={failure} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys */}
      <section className="scroll" ref={ref} onScroll={onScroll} aria-label={path} tabIndex={0}>
        <table className="sheet" aria-rowcount={rows.length}>
          <thead>
            <tr>
              <th className="number">
                <span className="hidden">Row</span>
              </th>
              {columns.map((column) => (
                <th key={column.key}>{column.name}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {from > 0 && (
              <tr style={{ height: from * HEIGHT }}>
                <td colSpan={columns.length + 1} />
              </tr>
            )}
            {body.slice(from, to).map((row, number) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a row is its number
              <tr key={from + number + 1} aria-rowindex={from + number + 2}>
                <td className="number">{from + number + 1}</td>
                {columns.map((column, at) => (
                  <td key={column.key} title={row[at]}>
                    {row[at]}
                  </td>
                ))}
              </tr>
            ))}
            {to < body.length && (
              <tr style={{ height: (body.length - to) * HEIGHT }}>
                <td colSpan={columns.length + 1} />
              </tr>
            )}
          </tbody>
        </table>
      </section>
    </div>
  );
}
