// Statements: typed, run, stopped, and what they answered. They only read unless one lets them change data.
import { autocompletion, closeBrackets, closeCompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching } from "@codemirror/language";
import { Compartment, EditorState } from "@codemirror/state";
import { drawSelection, EditorView, keymap, placeholder } from "@codemirror/view";
import { type KeyboardEvent, useCallback, useEffect, useRef, useState } from "react";
import { call, type Refused, uuid } from "../api";
import { painted } from "../editor/painted";
import { Button, Notice } from "../parts/controls";
import { Download } from "./Download";
import { exactly } from "./exact";
import { Grid } from "./Grid";
import type { Result, Schema } from "./types";

type Props = {
  base: string;
  query: string;
  engine: string;
  writes: boolean;
  visible: boolean;
  schemas: Schema[];
  onChanged: () => void;
};
const SECONDS = 60;
const MAY_WRITE = "may change data";
const READ_ONLY = "25006"; // PostgreSQL's word for it

export function Sql({ base, query, engine, writes, visible, schemas, onChanged }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const language = useRef(new Compartment());
  const [write, setWrite] = useState(false);
  const [running, setRunning] = useState("");
  const [asked, setAsked] = useState("");
  const [result, setResult] = useState<Result | null>(null);
  const [failure, setFailure] = useState("");
  const act = useRef<() => void>(() => undefined);

  const run = async () => {
    const shown = view.current;
    if (!shown || running) return;
    const selection = shown.state.selection.main;
    const from = selection.empty ? 0 : selection.from;
    const sql = selection.empty ? shown.state.doc.toString() : shown.state.sliceDoc(selection.from, selection.to);
    if (!sql.trim()) return;
    closeCompletion(shown);
    const id = uuid();
    setRunning(id);
    setFailure("");
    try {
      const body = { sql, write, query_id: id, timeout_seconds: SECONDS, limit: 1000 };
      setResult(await call<Result>("POST", `${base}/query${query}`, body, false, exactly));
      setAsked(sql);
      if (write) onChanged();
    } catch (error) {
      const refused = error as Refused;
      setResult(null);
      const changes = refused.code === "read_only" || refused.details.sqlstate === READ_ONLY;
      const remedy = writes ? `to run it, tick “${MAY_WRITE}”` : "that is not yours to do here";
      setFailure(changes ? `This is more than reading: ${remedy}.` : refused.message);
      const position = refused.details?.position;
      if (refused.code === "sql_error" && typeof position === "number") {
        const at = Math.min(from + position - 1, shown.state.doc.length);
        shown.dispatch({ selection: { anchor: at }, scrollIntoView: true });
        shown.focus();
      }
    }
    setRunning("");
  };
  act.current = run;
  const cancel = () =>
    call("DELETE", `${base}/queries/${running}${query}`).catch((error: Refused) => setFailure(error.message));

  useEffect(() => {
    if (!place.current) return;
    const made = new EditorView({
      parent: place.current,
      state: EditorState.create({
        extensions: [
          history(),
          drawSelection(),
          bracketMatching(),
          closeBrackets(),
          autocompletion(),
          keymap.of([
            {
              key: "Mod-Enter",
              preventDefault: true,
              run: () => {
                act.current();
                return true;
              },
            },
            ...defaultKeymap,
            ...historyKeymap,
            ...completionKeymap,
          ]),
          placeholder(engine === "redis" ? "SCAN 0 COUNT 20" : "SELECT …"),
          language.current.of([]),
          painted,
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": engine === "redis" ? "Command" : "SQL" }),
        ],
      }),
    });
    view.current = made;
    return () => {
      made.destroy();
      view.current = null;
    };
  }, [engine]);

  const learn = useCallback(async () => {
    if (engine === "redis") return;
    const { sql, MySQL, PostgreSQL, SQLite } = await import("@codemirror/lang-sql");
    const dialect = engine.startsWith("postgres") ? PostgreSQL : engine === "sqlite" ? SQLite : MySQL;
    const names = Object.fromEntries(
      schemas.flatMap((schema) =>
        schema.tables.map((table) => [table.name, table.columns.map((column) => column.name)]),
      ),
    );
    view.current?.dispatch({ effects: language.current.reconfigure(sql({ dialect, schema: names })) });
  }, [engine, schemas]);
  useEffect(() => {
    learn();
  }, [learn]);
  useEffect(() => {
    if (visible) view.current?.focus();
  }, [visible]);

  const key = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return;
    event.preventDefault();
    run();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: what the editor does with these keys, from beside it
    <div className="fill" onKeyDown={key}>
      <div className="statement" ref={place} />
      <div className="bar">
        {running ? (
          <Button kind="danger" onClick={cancel}>
            Cancel
          </Button>
        ) : (
          <Button kind="main" onClick={run} title="Ctrl/⌘ Enter">
            Run
          </Button>
        )}
        {writes && (
          <label className="may-write" title="Without it the statement can only read">
            <input type="checkbox" checked={write} onChange={(event) => setWrite(event.target.checked)} />
            {MAY_WRITE}
          </label>
        )}
        <span className="grow" />
        <span className="soft" role="status">
          {running ? "Running…" : result ? told(result) : ""}
        </span>
        {engine !== "redis" && (
          <Download
            path={`${base}/export${query}`}
            body={{ sql: asked }}
            name="query"
            disabled={!result || result.columns.length === 0}
          />
        )}
      </div>
      <Notice text={failure} />
      {result && result.columns.length > 0 && <Grid columns={result.columns} rows={result.rows} label="Answer" />}
    </div>
  );
}

function told(result: Result): string {
  const rows = `${result.truncated ? "first " : ""}${result.row_count.toLocaleString()} row${result.row_count === 1 ? "" : "s"}`;
  return `${rows}${result.columns.length ? "" : " changed"}, ${result.duration_ms < 10 ? result.duration_ms.toFixed(1) : Math.round(result.duration_ms)} ms`;
}
