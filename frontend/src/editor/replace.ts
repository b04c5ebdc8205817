// Replacing what a search found: the same matches once more, line by line, so that nothing else is touched.

export type Query = { query: string; regex: boolean; caseSensitive: boolean };
export type Match = { path: string; line: number; column: number; preview: string; ranges: [number, number][] };

/** The query as the browser reads expressions. Throws SyntaxError for one that it cannot (the server's syntax is Rust's). */
export function expression({ query, regex, caseSensitive }: Query): RegExp {
  const source = regex ? query : query.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
  return new RegExp(source, caseSensitive ? "gu" : "giu");
}

/** What stands in place of one match: `$1` and `$&` count only for expressions. */
export function replaced(line: string, of: Query, by: string): string {
  const pattern = expression(of);
  return of.regex
    ? line.replace(pattern, by.replace(/\\n/g, "\n").replace(/\\t/g, "\t"))
    : line.replace(pattern, () => by);
}

export type Outcome = { lines: string[]; count: number; left: number };

/** Replaces in the lines that `matches` names, where the browser finds there as many as the server did; `left` counts the other
    lines: changed since, or matched by what the two read differently. */
export function replaceLines(lines: string[], matches: Match[], of: Query, by: string): Outcome {
  const made = [...lines];
  let count = 0;
  let left = 0;
  for (const match of matches) {
    const line = made[match.line - 1];
    const found = line === undefined ? 0 : [...line.matchAll(expression(of))].filter((one) => one[0] !== "").length;
    if (line === undefined || found === 0 || found < match.ranges.length) left += 1;
    else {
      made[match.line - 1] = replaced(line, of, by);
      count += found;
    }
  }
  return { lines: made, count, left };
}

/** The preview in pieces: what stays, what goes and what comes. Ranges count characters (code points). */
export function pieces(match: Match, of: Query | null, by: string): { text: string; kind: "plain" | "mark" | "new" }[] {
  const letters = [...match.preview];
  const found: { text: string; kind: "plain" | "mark" | "new" }[] = [];
  let at = 0;
  for (const [from, to] of match.ranges) {
    found.push({ text: letters.slice(at, from).join(""), kind: "plain" });
    const hit = letters.slice(from, to).join("");
    found.push({ text: hit, kind: "mark" });
    if (of) found.push({ text: replaced(hit, of, by), kind: "new" });
    at = to;
  }
  found.push({ text: letters.slice(at).join(""), kind: "plain" });
  return found.filter((piece) => piece.text !== "");
}
