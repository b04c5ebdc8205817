// Looking into a database: its tables, their rows, statements. Reads unless one says otherwise.
import { useEffect, useMemo, useState } from "react";
import { get, type Refused } from "../api";
import { inTurn } from "../inTurn";
import { Button, Notice } from "../parts/controls";
import { Sql } from "./Sql";
import { TableView } from "./TableView";
import type { Schema, Table } from "./types";
import { bytes } from "./words";

type Props = { base: string; query?: string; name: string; engine: string; up: boolean; onRun?: () => void };
type Chosen = { schema: string; table: Table };

/** `base` is the database's path on the wire, `query` what follows each of its addresses ("?path=…" of a SQLite file). */
export function Database({ base, query = "", name, engine, up, onRun }: Props) {
  const [schemas, setSchemas] = useState<Schema[] | null>(null);
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const [asking, setAsking] = useState(false); // the SQL editor instead of a table
  const [unfolded, setUnfolded] = useState<Set<string>>(new Set());
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);

  const load = useMemo(
    () =>
      inTurn(async () => {
        setBusy(true);
        try {
          const found = await get<{ schemas: Schema[] }>(`${base}/schema${query}`);
          setSchemas(found.schemas);
          setFailure("");
          const first = found.schemas.find((schema) => schema.tables.length);
          setUnfolded((old) => (old.size || !first ? old : new Set([first.name])));
          setChosen((old) => {
            const table = found.schemas
              .find((schema) => schema.name === old?.schema)
              ?.tables.find((one) => one.name === old?.table.name);
            return old && table ? { schema: old.schema, table } : null;
          });
        } catch (error) {
          setFailure((error as Refused).message);
        }
        setBusy(false);
      }),
    [base, query],
  );
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
    setUnfolded((old) => new Set(old.has(schema) ? [...old].filter((other) => other !== schema) : [...old, schema]));
  const pick = (schema: string, table: Table) => {
    setChosen({ schema, table });
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
          <Button kind="quiet" aria-label="Read the schema again" title="Read again" onClick={load} disabled={busy}>
            ⟳
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
                  {unfolded.has(schema.name) ? "▾" : "▸"}
                </span>
                <span className="name">{schema.name}</span>
                <span className="soft">{schema.tables.length}</span>
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
                        onClick={() => pick(schema.name, table)}
                      >
                        <span className="glyph" aria-hidden>
                          {table.kind === "view" ? "◇" : "▦"}
                        </span>
                        <span className="name">{table.name}</span>
                        {table.rows_estimate !== null && table.rows_estimate >= 0 && (
                          <span className="soft" title="rows, about">
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
          <Sql base={base} query={query} engine={engine} visible={asking} schemas={schemas ?? []} onChanged={load} />
        </div>
        {!asking && chosen && (
          <TableView
            key={`${chosen.schema}.${chosen.table.name}`}
            base={base}
            query={query}
            schema={chosen.schema}
            table={chosen.table}
            onFollow={(schema, name) => {
              const table = schemas?.find((one) => one.name === schema)?.tables.find((one) => one.name === name);
              if (table) pick(schema, table);
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
