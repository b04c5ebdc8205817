// What is wrong with compose.yaml, each with the way to its line; what is ignored in it, listed.
import type { Problem } from "./types";

const SIGNS = { error: "✕", warning: "!", ignored: "–" };

type Props = { problems: Problem[]; onOpen: (path: string, line?: number) => void };

export function Problems({ problems, onOpen }: Props) {
  const bad = problems.filter((problem) => problem.severity !== "ignored");
  const ignored = problems.filter((problem) => problem.severity === "ignored");
  return (
    <>
      {bad.length > 0 && (
        <ul className="problems" aria-label="Problems">
          {bad.map((problem) => (
            <One key={`${problem.path}${problem.code}${problem.line}`} problem={problem} onOpen={onOpen} />
          ))}
        </ul>
      )}
      {ignored.length > 0 && (
        <details className="pad ignored">
          <summary className="soft">
            Ignored in {[...new Set(ignored.map((one) => one.file))].join(", ")} ({ignored.length})
          </summary>
          <ul className="problems" aria-label="Ignored">
            {ignored.map((problem) => (
              <One key={`${problem.path}${problem.code}${problem.line}`} problem={problem} onOpen={onOpen} />
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function One({ problem, onOpen }: { problem: Problem; onOpen: Props["onOpen"] }) {
  return (
    <li className={problem.severity}>
      <b aria-hidden>{SIGNS[problem.severity]}</b>
      <span>
        <span className="hidden">{problem.severity}: </span>
        {problem.message}{" "}
        <span className="where">
          {problem.path && <code>{problem.path}</code>}{" "}
          {problem.line !== null && (
            <button
              type="button"
              className="link"
              aria-label={`Open ${problem.file} at line ${problem.line}`}
              onClick={() => onOpen(problem.file, problem.line ?? 1)}
            >
              {problem.file}:{problem.line}
            </button>
          )}
        </span>
      </span>
    </li>
  );
}
