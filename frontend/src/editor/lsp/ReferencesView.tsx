// The places that a server found for a name, by file, each with its line.
import { useEffect, useState } from "react";
import { type FileContent, files, get } from "../../api";
import type { Bench } from "../../shell/bench";
import { Icon } from "../../shell/icons";
import { useStore } from "../../shell/store";
import { documentsOf } from "../documents";
import { taken } from "../text";
import { goTo } from "./actions";
import { knownOf, type Place } from "./state";

type Shown = { path: string; rows: (Place & { line: string })[] };
const MOST = 60; // files whose lines are shown

async function withLines(bench: Bench, places: Place[]): Promise<Shown[]> {
  const byPath = new Map<string, Place[]>();
  for (const place of places) byPath.set(place.path, [...(byPath.get(place.path) ?? []), place]);
  return Promise.all(
    [...byPath].map(async ([path, rows], number) => {
      const open = documentsOf(bench).get(path)?.text;
      const uri = rows[0]?.uri;
      const read = () =>
        uri === undefined
          ? (files(bench.sessionId, { op: "read", path }) as Promise<FileContent>)
          : get<FileContent>(`/lsp-fs?${new URLSearchParams({ session_id: bench.sessionId, uri })}`);
      const text =
        open ??
        (number < MOST
          ? await read()
              .then((found) => taken(found.content).text)
              .catch(() => null)
          : null);
      const lineOf = (at: number) => (text && at < text.lines ? text.line(at + 1).text : "");
      return { path, rows: rows.map((row) => ({ ...row, line: lineOf(row.range.start.line) })) };
    }),
  );
}

export default function ReferencesView({ bench }: { bench: Bench }) {
  const found = useStore(knownOf(bench).references);
  const [groups, setGroups] = useState<Shown[]>([]);
  useEffect(() => {
    let left = false;
    void withLines(bench, found?.places ?? []).then((next) => left || setGroups(next));
    return () => {
      left = true;
    };
  }, [bench, found]);
  if (!found) return <p className="soft empty">Find references (Shift F12) shows here where a name is used.</p>;
  return (
    <div className="rows">
      <p className="pad">{found.title}</p>
      {groups.map(({ path, rows }) => (
        <section key={path} aria-label={path}>
          <div className="file-head">
            <Icon name="file" />
            <span className="path">{path}</span>
            <span className="soft">{rows.length}</span>
          </div>
          {rows.map((row) => {
            const { start, end } = row.range;
            const to = end.line === start.line ? end.character : row.line.length;
            return (
              <button
                type="button"
                className="entry match"
                key={`${start.line}:${start.character}`}
                onClick={() => goTo(bench, row)}
              >
                <span className="soft">{start.line + 1}</span>
                <span className="text">
                  {row.line.slice(0, start.character).trimStart()}
                  <mark>{row.line.slice(start.character, to)}</mark>
                  {row.line.slice(to)}
                </span>
              </button>
            );
          })}
        </section>
      ))}
    </div>
  );
}
