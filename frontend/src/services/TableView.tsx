// One table: its rows by the page, sorted and filtered by the database itself, its structure, and all of it as a file.
import { useCallback, useEffect, useState } from "react";
import { call, type Refused } from "../api";
import { Button, Notice } from "../parts/controls";
import { Icon } from "../shell/icons";
import { Download } from "./Download";
import { exactly } from "./exact";
import { Grid } from "./Grid";
import type { Column, Data, Table } from "./types";
import { bytes } from "./words";

const PAGE = 100;
const OPS = ["=", "!=", "<", "<=", ">", ">=", "contains", "starts_with", "ends_with", "is_null", "is_not_null"];
type Filter = { column: string; op: string; value: string | null };
type Sort = { column: string; descending: boolean };
type Props = {
  base: string;
  query: string;
  schema: string;
  table: Table;
  onFollow: (schema: string, table: string) => void;
};

export function TableView({ base, query, schema, table, onFollow }: Props) {
  const [data, setData] = useState<Data | null>(null);
  const [start, setStart] = useState(0); // how many rows are before those
  const [cursors, setCursors] = useState<string[]>([""]); // of this page and those before it
  const [sort, setSort] = useState<Sort[]>([]);
  const [filter, setFilter] = useState<Filter[]>([]);
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const [tick, setTick] = useState(0);
  const [structure, setStructure] = useState(false);
  const keyspace = table.kind === "keyspace";

  // biome-ignore lint/correctness/useExhaustiveDependencies: a tick asks for the same again
  useEffect(() => {
    let left = false;
    setBusy(true);
    const cursor = cursors.at(-1);
    const body = { schema, table: table.name, limit: PAGE, sort, filter, ...(cursor ? { cursor } : {}) };
    call<Data>("POST", `${base}/data${query}`, body, true, exactly)
      .then(
        (found) => {
          if (left) return;
          setData(found);
          setStart((cursors.length - 1) * PAGE);
          setFailure("");
        },
        (error: Refused) => left || setFailure(error.message),
      )
      .finally(() => left || setBusy(false));
    return () => {
      left = true;
    };
  }, [base, query, schema, table.name, cursors, sort, filter, tick]);

  const order = useCallback((column: string) => {
    setCursors([""]);
    setSort((old) => {
      const known = old.find((one) => one.column === column);
      if (!known) return [{ column, descending: false }];
      return known.descending ? [] : [{ column, descending: true }];
    });
  }, []);
  const sorted = (column: Column) => {
    const known = sort.find((one) => one.column === column.name);
    return known && (known.descending ? "descending" : "ascending");
  };
  const total = data?.total_estimate ?? null;
  return (
    <div className="fill">
      <div className="bar">
        <b className="address">{table.name}</b>
        <Button kind="quiet" aria-pressed={structure} onClick={() => setStructure(!structure)}>
          Structure
        </Button>
        <Button
          kind="quiet"
          aria-label="Read the rows again"
          title="Read again"
          disabled={busy}
          onClick={() => setTick((n) => n + 1)}
        >
          <Icon name="reload" size={14} />
        </Button>
        {!keyspace && (
          <Download
            path={`${base}/export${query}`}
            body={{ schema, table: table.name, sort, filter }}
            name={table.name}
          />
        )}
      </div>
      {structure ? (
        <Structure table={table} onFollow={onFollow} />
      ) : (
        <>
          <Filters
            columns={data?.columns ?? table.columns}
            filter={filter}
            onChange={(next) => {
              setCursors([""]);
              setFilter(next);
            }}
          />
          <Notice text={failure} />
          {!data && !failure && <div className="grid" aria-busy />}
          {data && (
            <Grid
              columns={data.columns}
              rows={data.rows}
              label={`Rows of ${table.name}`}
              sorted={sorted}
              head={(column) =>
                keyspace ? (
                  column.name
                ) : (
                  <button type="button" onClick={() => order(column.name)} title="Sort">
                    {column.name}
                    <span aria-hidden>
                      {sorted(column) === undefined ? "" : sorted(column) === "ascending" ? " ↑" : " ↓"}
                    </span>
                  </button>
                )
              }
            />
          )}
          <div className="bar foot">
            <span className="soft" aria-live="polite">
              {data && (data.rows.length > 0 ? `${start + 1}–${start + data.rows.length}` : "0")}
              {total !== null && total > start + (data?.rows.length ?? 0) ? ` of about ${total.toLocaleString()}` : ""}
            </span>
            <span className="grow" />
            <Button disabled={busy || cursors.length === 1} onClick={() => setCursors((old) => old.slice(0, -1))}>
              Earlier
            </Button>
            <Button
              disabled={busy || !data?.next_cursor}
              onClick={() => setCursors((old) => [...old, data?.next_cursor ?? ""])}
            >
              Next
            </Button>
          </div>
        </>
      )}
    </div>
  );
}

function Filters({
  columns,
  filter,
  onChange,
}: {
  columns: { name: string }[];
  filter: Filter[];
  onChange: (filter: Filter[]) => void;
}) {
  const [column, setColumn] = useState("");
  const [op, setOp] = useState("=");
  const [value, setValue] = useState("");
  const bare = op.startsWith("is_");
  return (
    <form
      className="bar"
      onSubmit={(event) => {
        event.preventDefault();
        onChange([...filter, { column: column || (columns[0]?.name ?? ""), op, value: bare ? null : value }]);
        setValue("");
      }}
    >
      {filter.map((one, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the same filter may stand twice
        <span className="chip" key={i}>
          {one.column} {one.op.replace(/_/g, " ")} {one.value}
          <button
            type="button"
            className="tool"
            aria-label={`Remove the filter of ${one.column}`}
            onClick={() => onChange(filter.filter((other) => other !== one))}
          >
            <Icon name="close" size={12} />
          </button>
        </span>
      ))}
      <select
        aria-label="Column"
        value={column || columns[0]?.name}
        onChange={(event) => setColumn(event.target.value)}
      >
        {columns.map((one) => (
          <option key={one.name}>{one.name}</option>
        ))}
      </select>
      <select aria-label="Comparison" value={op} onChange={(event) => setOp(event.target.value)}>
        {OPS.map((one) => (
          <option key={one} value={one}>
            {one.replace(/_/g, " ")}
          </option>
        ))}
      </select>
      {!bare && (
        <input
          aria-label="Value"
          placeholder="Value"
          value={value}
          onChange={(event) => setValue(event.target.value)}
        />
      )}
      <Button type="submit" disabled={columns.length === 0}>
        Filter
      </Button>
    </form>
  );
}

function Structure({ table, onFollow }: { table: Table; onFollow: Props["onFollow"] }) {
  return (
    <div className="structure">
      <p className="soft">
        {[
          table.kind,
          table.rows_estimate !== null && `about ${table.rows_estimate.toLocaleString()} rows`,
          table.bytes && bytes(table.bytes),
        ]
          .filter(Boolean)
          .join(", ")}
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">Column</th>
            <th scope="col">Type</th>
            <th scope="col">Default</th>
          </tr>
        </thead>
        <tbody>
          {table.columns.map((column) => (
            <tr key={column.name}>
              <td>
                <b>{column.name}</b> {column.primary_key && <span className="ref">key</span>}
              </td>
              <td>
                <code>{column.type}</code> {!column.nullable && <span className="soft">not null</span>}
              </td>
              <td>
                <code>{column.default}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {table.foreign_keys.length > 0 && <h3>References</h3>}
      <ul>
        {table.foreign_keys.map((key) => (
          <li key={key.columns.join()}>
            <code>{key.columns.join(", ")}</code> →{" "}
            <button
              type="button"
              className="link"
              onClick={() => onFollow(key.references.schema, key.references.table)}
            >
              {key.references.table} ({key.references.columns.join(", ")})
            </button>
          </li>
        ))}
      </ul>
      {table.indexes.length > 0 && <h3>Indexes</h3>}
      <ul>
        {table.indexes.map((index) => (
          <li key={index.name}>
            <code>{index.name}</code> ({index.columns.join(", ")}) {index.unique && <span className="ref">unique</span>}
          </li>
        ))}
      </ul>
    </div>
  );
}
