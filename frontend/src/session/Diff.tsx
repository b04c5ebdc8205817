// A file's differences: lines with the words that changed marked.
import type { FileDiff, Line } from "../api";

export function Diff({ file }: { file: FileDiff }) {
  if (file.binary) return <p className="soft pad">Not text: {file.status}.</p>;
  if (file.truncated)
    return (
      <p className="soft pad">
        Too long to show: +{file.additions} −{file.deletions} lines.
      </p>
    );
  return (
    <div className="diff">
      <table>
        <tbody>
          {file.hunks.map((hunk) => [
            <tr key={`h${hunk.old_start}-${hunk.new_start}`} className="hunk">
              <td />
              <td />
              <td>{hunk.header || "…"}</td>
            </tr>,
            ...hunk.lines.map((line) => (
              <tr
                key={`${line.kind}${line.old ?? ""}-${line.new ?? ""}`}
                className={line.kind === "+" ? "plus" : line.kind === "-" ? "minus" : ""}
              >
                <td>{line.old ?? ""}</td>
                <td>{line.new ?? ""}</td>
                <td>
                  <span aria-hidden>{line.kind}</span>
                  <Words line={line} />
                </td>
              </tr>
            )),
          ])}
        </tbody>
      </table>
    </div>
  );
}

function Words({ line }: { line: Line }) {
  if (!line.spans?.length) return line.text;
  const parts = [];
  let at = 0;
  for (const [from, to] of line.spans) {
    parts.push(line.text.slice(at, from), <mark key={from}>{line.text.slice(from, to)}</mark>);
    at = to;
  }
  return [...parts, line.text.slice(at)];
}
