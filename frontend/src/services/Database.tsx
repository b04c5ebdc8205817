// Looking into a database: its tables, their rows, statements. Reads unless one says otherwise.
import { useEffect, useState } from "react";
import { get } from "../api";
import { Button, Notice } from "../parts/controls";
import { useAnswer } from "../parts/useAnswer";
import { Icon as Drawing } from "../shell/icons";
import { Sql } from "./Sql";
import { TableView } from "./TableView";
import type { Schema } from "./types";
import { bytes } from "./words";

type Props = {
  base: string;
  query?: string;
  name: string;
  engine: string;
  writes: boolean;
  up: boolean;
  onRun?: () => void;
};

/** `base` is the database's path on the wire, `query` what follows each of its addresses ("?path=…" of a SQLite file). */
export function Database({ base, query = "", name, engine, writes, up, onRun }: Props) {
  const [wanted, setWanted] = useState<{ schema: string; table: string } | null>(null);
  const [asking, setAsking] = useState(false); // the SQL editor instead of a table
  const [opened, setOpened] = useState<ReadonlySet<string> | null>(null); // null until one says otherwise: the first with tables
  const at = `${base}/schema${query}`;
  const { data, failure, load } = useAnswer(at, () => get<{ schemas: Schema[] }>(at));
  const schemas = data?.schemas;
  const unfolded =
    opened ??
    new Set(
      schemas
        ?.filter((schema) => schema.tables.length > 0)
        .map(({ name }) => name)
        .slice(0, 1),
    );
  const find = (schema: string, table: string) =>
    schemas?.find((one) => one.name === schema)?.tables.find((one) => one.name === table);
  const table = wanted && find(wanted.schema, wanted.table);
  const chosen = wanted && table ? { schema: wanted.schema, table } : null;
  useEffect(() => {
    if (up) void load();
  }, [load, up]);

  if (!up && !schemas)
    return (
      <div className="empty soft">
        <p>{name} does not run.</p>
        {onRun && (
          <Button kind="main" onClick={onRun}>
            Run it
          </Button>
        )}
      </div>
    );
  const toggle = (schema: string) =>
    setOpened(
      new Set(unfolded.has(schema) ? [...unfolded].filter((other) => other !== schema) : [...unfolded, schema]),
    );
  const pick = (schema: string, table: string) => {
    setWanted({ schema, table });
    setAsking(false);
  };
  const word = engine === "redis" ? "Command" : "SQL";
  return (
    <div className="database">
      <nav className="schema" aria-label="Tables">
        <div className="bar">
          <Button aria-pressed={asking} onClick={() => setAsking(true)}>
            {word}
          </Button>
          <span className="grow" />
          <Button kind="quiet" aria-label="Read the schema again" title="Read again" onClick={load}>
            <Drawing name="reload" size={14} />
          </Button>
        </div>
        <Notice text={failure} />
        {schemas?.every((schema) => schema.tables.length === 0) && <p className="soft pad">No tables yet.</p>}
        <ul>
          {schemas?.map((schema) => (
            <li key={schema.name}>
              <button
                type="button"
                className="leaf"
                aria-expanded={unfolded.has(schema.name)}
                onClick={() => toggle(schema.name)}
              >
                <span className="glyph" aria-hidden>
                  <Drawing name={unfolded.has(schema.name) ? "unfold" : "right"} size={12} />
                </span>
                <span className="name">{schema.name}</span>
                <span className="soft small">{schema.tables.length}</span>
              </button>
              {unfolded.has(schema.name) && (
                <ul>
                  {schema.tables.map((table) => (
                    <li key={table.name}>
                      <button
                        type="button"
                        className="leaf deep"
                        aria-current={
                          (!asking && chosen?.schema === schema.name && chosen.table.name === table.name) || undefined
                        }
                        title={[table.kind, table.bytes ? bytes(table.bytes) : ""].filter(Boolean).join(", ")}
                        onClick={() => pick(schema.name, table.name)}
                      >
                        <span className="glyph" aria-hidden>
                          <Drawing name={table.kind === "view" ? "eye" : "table"} size={13} />
                        </span>
                        <span className="name">{table.name}</span>
                        {table.rows_estimate !== null && table.rows_estimate >= 0 && (
                          <span className="soft small" title="rows, about">
                            {short(table.rows_estimate)}
                          </span>
                        )}
                      </button>
                    </li>
                  ))}
                </ul>
              )}
            </li>
          ))}
        </ul>
      </nav>
      <div className="content">
        <div className="fill" hidden={!asking}>
          <Sql
            base={base}
            query={query}
            engine={engine}
            writes={writes}
            visible={asking}
            schemas={schemas ?? []}
            onChanged={load}
          />
        </div>
        {!asking && chosen && (
          <TableView
            key={`${chosen.schema}.${chosen.table.name}`}
            base={base}
            query={query}
            schema={chosen.schema}
            table={chosen.table}
            onFollow={(schema, name) => {
              if (find(schema, name)) pick(schema, name);
            }}
          />
        )}
        {!asking && !chosen && schemas && <p className="empty soft">Choose a table, or ask in {word}.</p>}
      </div>
    </div>
  );
}

const short = (count: number) =>
  Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 }).format(count);
