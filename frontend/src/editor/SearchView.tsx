// Search in all files of the session, and replace: seen first, then done at once, under a snapshot.
import { ChangeSet, Text } from "@codemirror/state";
import { type FormEvent, useEffect, useMemo, useRef, useState } from "react";
import { ask, type FileContent, files, type Refused } from "../api";
import { inTurn, soon } from "../inTurn";
import { Button, Notice } from "../parts/controls";
import type { Bench } from "../shell/bench";
import { Tool, ViewHead } from "../shell/controls";
import { Icon } from "../shell/icons";
import { createStore, useStore } from "../shell/store";
import { documentsOf } from "./documents";
import { snapshotOf, undo } from "./lsp/edits";
import { expression, type Match, pieces, type Query, replaceLines } from "./replace";
import { difference, given, taken } from "./text";

type Answer = { matches: Match[]; files: number; truncated: boolean; reason: string | null };
type Asked = Query & { include: string; exclude: string; by: string; replacing: boolean };

const LIMIT = 2000; // lines
const PAUSE = 250; // milliseconds after the last letter
const AGAIN = 500; // milliseconds after files began to change
/** What was asked stays while another view is looked at. */
const asked = createStore<Asked>({
  query: "",
  regex: false,
  caseSensitive: false,
  include: "",
  exclude: "",
  by: "",
  replacing: false,
});

const globs = (text: string) =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);

export default function SearchView({ bench }: { bench: Bench }) {
  const form = useStore(asked);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [failure, setFailure] = useState("");
  const [dropped, setDropped] = useState<Set<string>>(new Set()); // files and lines that stay as they are
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const { query, regex, caseSensitive, include, exclude, by, replacing } = form;
  const put = (parts: Partial<Asked>) => asked.set((old) => ({ ...old, ...parts }));

  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);
  useEffect(() => {
    if (!query) {
      setAnswer(null);
      setFailure("");
      return;
    }
    let left = false;
    const body = {
      query,
      regex,
      case_sensitive: caseSensitive,
      include: globs(include),
      exclude: globs(exclude),
      limit: LIMIT,
    };
    const look = inTurn(() =>
      ask<Answer>(`/workspace/${bench.sessionId}/search`, body).then(
        (found) => {
          if (left) return;
          setAnswer(found);
          setFailure("");
        },
        (error: Refused) => left || setFailure(error.message),
      ),
    );
    const timer = window.setTimeout(look, PAUSE);
    const again = soon(AGAIN, look);
    const leave = bench.tick.subscribe(again);
    return () => {
      left = true;
      window.clearTimeout(timer);
      leave();
      again.end();
    };
  }, [bench, query, regex, caseSensitive, include, exclude]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another question, other lines
  useEffect(() => setDropped(new Set()), [query, regex, caseSensitive, include, exclude]);

  const groups = useMemo(() => {
    const found = new Map<string, Match[]>();
    for (const match of answer?.matches ?? []) {
      if (dropped.has(match.path) || dropped.has(`${match.path}:${match.line}`)) continue;
      found.set(match.path, [...(found.get(match.path) ?? []), match]);
    }
    return [...found];
  }, [answer, dropped]);
  const bad = useMemo(() => {
    try {
      expression(form);
      return "";
    } catch (error) {
      return `To replace, the browser must read the expression, too: ${(error as Error).message}`;
    }
  }, [form]);
  const preview = replacing && !bad ? form : null;
  const drop = (what: string) => setDropped((old) => new Set([...old, what]));

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!replacing || groups.length === 0 || bad) return;
    setBusy(true);
    await replaceAll(bench, groups, form).catch((error: Error) => bench.questions.tell(error.message, "error"));
    setBusy(false);
  };
  const lines = groups.reduce((sum, [, rows]) => sum + rows.length, 0);
  return (
    <>
      <ViewHead title="Search">
        <Tool icon="replace" label="Replace" aria-pressed={replacing} onClick={() => put({ replacing: !replacing })} />
      </ViewHead>
      <form className="searching" onSubmit={submit}>
        <div className="with">
          <input
            ref={field}
            type="search"
            aria-label="Search in all files"
            placeholder="Search in all files"
            value={query}
            spellCheck={false}
            onChange={(event) => put({ query: event.target.value })}
          />
          <span className="flags">
            <button
              type="button"
              aria-label="Match case"
              title="Match case"
              aria-pressed={caseSensitive}
              onClick={() => put({ caseSensitive: !caseSensitive })}
            >
              Aa
            </button>
            <button
              type="button"
              aria-label="Regular expression"
              title="Regular expression"
              aria-pressed={regex}
              onClick={() => put({ regex: !regex })}
            >
              .*
            </button>
          </span>
        </div>
        {replacing && (
          <div className="row">
            <input
              className="grow"
              aria-label="Replace with"
              placeholder="Replace with"
              value={by}
              spellCheck={false}
              onChange={(event) => put({ by: event.target.value })}
            />
            <Button type="submit" kind="main" disabled={busy || groups.length === 0 || bad !== ""}>
              {busy ? "Replacing…" : "Replace all"}
            </Button>
          </div>
        )}
        <div className="row">
          <input
            className="grow"
            aria-label="Files to include"
            placeholder="Include"
            title="Names and patterns, such as src, *.py"
            value={include}
            onChange={(event) => put({ include: event.target.value })}
          />
          <input
            className="grow"
            aria-label="Files to exclude"
            placeholder="Exclude"
            title="Names and patterns, such as dist, *.map"
            value={exclude}
            onChange={(event) => put({ exclude: event.target.value })}
          />
        </div>
      </form>
      <Notice text={failure || (replacing ? bad : "")} />
      {answer && (
        <p className="pad soft small" role="status">
          {lines.toLocaleString()} {lines === 1 ? "line" : "lines"} in {groups.length}{" "}
          {groups.length === 1 ? "file" : "files"}
          {answer.truncated && ` – cut off (${answer.reason}); narrow the search`}
        </p>
      )}
      {groups.map(([path, rows]) => (
        <section key={path} aria-label={path}>
          <div className="file-head">
            <Icon name="file" />
            <span className="path" title={path}>
              {path}
            </span>
            <span className="soft">{rows.length}</span>
            <span className="grow" />
            {replacing && <Tool icon="close" label={`Leave ${path} as it is`} onClick={() => drop(path)} />}
          </div>
          {rows.map((match) => (
            <div className="row found" key={match.line}>
              <button
                type="button"
                className="entry match"
                onClick={() => bench.openFile(path, { line: match.line, column: match.column })}
              >
                <span className="soft">{match.line}</span>
                <span className="text">
                  <Pieces match={match} of={preview} by={by} />
                </span>
              </button>
              {replacing && (
                <Tool
                  icon="close"
                  label={`Leave line ${match.line} as it is`}
                  onClick={() => drop(`${path}:${match.line}`)}
                />
              )}
            </div>
          ))}
        </section>
      ))}
    </>
  );
}

function Pieces({ match, of, by }: { match: Match; of: Query | null; by: string }) {
  return pieces(match, of, by).map((piece, number) => {
    const key = `${number}`;
    if (piece.kind === "plain") return <span key={key}>{piece.text}</span>;
    if (piece.kind === "new") return <ins key={key}>{piece.text}</ins>;
    return of ? <del key={key}>{piece.text}</del> : <mark key={key}>{piece.text}</mark>;
  });
}

/** Files that are open change in their tabs, where it can be undone; those that had no changes are saved. */
async function replaceAll(bench: Bench, groups: [string, Match[]][], of: Asked): Promise<void> {
  const snapshot = await snapshotOf(bench, `Before: replace ${of.query}`);
  let count = 0;
  let left = 0;
  const failed: string[] = [];
  for (const [path, matches] of groups) {
    try {
      const outcome = await replaceIn(bench, path, matches, of);
      count += outcome.count;
      left += outcome.left;
    } catch (error) {
      failed.push(`${path}: ${(error as Error).message}`);
    }
  }
  bench.changed(groups.map(([path]) => path));
  const rest = left ? ` ${left} lines are not as they were found and stay.` : "";
  const done = groups.length - failed.length;
  if (done > 0)
    bench.questions.tell(
      `Replaced ${count} times in ${done} ${done === 1 ? "file" : "files"}.${rest}`,
      "info",
      undo(bench, snapshot),
    );
  if (failed.length) bench.questions.tell(`Not replaced in ${failed.join("; ")}`, "error");
}

async function replaceIn(bench: Bench, path: string, matches: Match[], of: Asked) {
  const document = documentsOf(bench).get(path);
  const open = document?.status.get().phase === "ready" ? document : undefined;
  const found = open ? null : ((await files(bench.sessionId, { op: "read", path })) as FileContent);
  if (found?.encoding === "base64") throw new Error("it is not UTF-8 and stays as it is.");
  const { text, eol } = open ? { text: open.text, eol: open.eol } : taken(found?.content ?? "");
  const outcome = replaceLines(text.toJSON(), matches, of, of.by);
  const made = Text.of(outcome.lines.join("\n").split("\n"));
  const change = difference(text, made);
  if (!change) return outcome;
  if (open) {
    const clean = !open.dirty;
    open.apply({ changes: ChangeSet.of(change, text.length), userEvent: "replace" });
    if (clean && !(await open.save())) throw new Error("it could not be saved; it is changed in its tab.");
  } else await files(bench.sessionId, { op: "write", path, content: given(made, eol), etag: found?.etag });
  return outcome;
}
