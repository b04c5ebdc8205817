// Comma-separated values (RFC 4180), tabs and semicolons too: rows of cells.

/** At most `most` rows. Quotes may hold separators, line ends and doubled quotes; one that never closes holds the rest. */
export function parseCsv(text: string, separator: string, most: number): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length && rows.length < most) {
    let cell = "";
    if (text[at] === '"') {
      at += 1;
      for (;;) {
        const end = text.indexOf('"', at);
        cell += text.slice(at, end < 0 ? text.length : end);
        at = end < 0 ? text.length : end + 1;
        if (text[at] !== '"') break;
        cell += '"';
        at += 1;
      }
    }
    const from = at;
    while (at < text.length && text[at] !== separator && text[at] !== "\n") at += 1;
    cell += text.slice(from, text[at - 1] === "\r" && text[at] !== separator ? at - 1 : at);
    row.push(cell);
    if (text[at] === separator) {
      at += 1;
      if (at < text.length) continue;
      row.push("");
    } else at += 1;
    rows.push(row);
    row = [];
  }
  return rows;
}

/** What separates cells, by the first line. */
export function separatorOf(path: string, text: string): string {
  if (path.toLowerCase().endsWith(".tsv")) return "\t";
  const first = text.slice(0, text.indexOf("\n") + 1 || undefined);
  const count = (letter: string) => first.split(letter).length;
  return [",", ";", "\t"].reduce((best, letter) => (count(letter) > count(best) ? letter : best), ",");
}
