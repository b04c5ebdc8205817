// What the language servers find wrong in the files that are open, or that they look at by themselves.
import { useState } from "react";
import type { Bench } from "../../shell/bench";
import { Icon } from "../../shell/icons";
import { useStore } from "../../shell/store";
import { type Diagnostic, knownOf, type Severity, severityOf } from "./state";

const SHOWN: Severity[] = ["error", "warning", "info"];

export default function ProblemsView({ bench }: { bench: Bench }) {
  const problems = useStore(knownOf(bench).problems);
  const [hidden, setHidden] = useState<Set<Severity>>(new Set());
  const wanted = (one: Diagnostic) => severityOf(one) !== "hint" && !hidden.has(severityOf(one));
  const groups = Object.entries(problems)
    .map(([path, rows]) => ({
      path,
      rows: rows.filter(wanted).sort((a, b) => a.range.start.line - b.range.start.line),
    }))
    .filter(({ rows }) => rows.length > 0)
    .sort((a, b) => a.path.localeCompare(b.path));
  return (
    <div className="rows">
      <div className="row filters">
        {SHOWN.map((one) => (
          <button
            type="button"
            key={one}
            className="toggle"
            aria-pressed={!hidden.has(one)}
            onClick={() =>
              setHidden((old) => new Set(old.has(one) ? [...old].filter((kept) => kept !== one) : [...old, one]))
            }
          >
            {one}
          </button>
        ))}
      </div>
      {groups.length === 0 && <p className="soft empty">No problems found.</p>}
      {groups.map(({ path, rows }) => (
        <section key={path} aria-label={path}>
          <div className="file-head">
            <Icon name="file" />
            <span className="path">{path}</span>
            <span className="soft">{rows.length}</span>
          </div>
          {rows.map((one) => {
            const { line, character } = one.range.start;
            const severity = severityOf(one);
            return (
              <button
                type="button"
                className="entry"
                key={`${line}:${character}:${one.code}:${one.message}`}
                onClick={() => bench.openFile(path, { line: line + 1, column: character + 1 })}
              >
                <Icon
                  name={severity === "error" ? "error" : severity === "warning" ? "warning" : "info"}
                  className={severity}
                />
                <span className="hidden">{severity}</span>
                <span className="text" title={one.message}>
                  {one.message}
                </span>
                <span className="soft">
                  {[one.source, one.code].filter(Boolean).join(" ")} · {line + 1}:{character + 1}
                </span>
              </button>
            );
          })}
        </section>
      ))}
    </div>
  );
}
