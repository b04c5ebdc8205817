// Comma-separated values as a table, of which only what is in sight is drawn.

import { useMemo, useRef } from "react";
import { Button, Notice } from "../parts/controls";
import { useRows } from "../parts/useRows";
import type { EditorProps } from "../shell/registry";
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
  const box = useRef<HTMLElement>(null);
  const list = useRows(body.length, box, HEIGHT);
  const items = list.getVirtualItems();
  const above = items[0]?.start ?? 0;
  const below = list.getTotalSize() - (items.at(-1)?.end ?? 0);
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
      <section className="scroll" ref={box} aria-label={path} tabIndex={0}>
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
            {above > 0 && (
              <tr style={{ height: above }}>
                <td colSpan={columns.length + 1} />
              </tr>
            )}
            {items.map(({ index }) => (
              <tr key={index} aria-rowindex={index + 2}>
                <td className="number">{index + 1}</td>
                {columns.map((column, at) => (
                  <td key={column.key} title={body[index]?.[at]}>
                    {body[index]?.[at]}
                  </td>
                ))}
              </tr>
            ))}
            {below > 0 && (
              <tr style={{ height: below }}>
                <td colSpan={columns.length + 1} />
              </tr>
            )}
          </tbody>
        </table>
      </section>
    </div>
  );
}
