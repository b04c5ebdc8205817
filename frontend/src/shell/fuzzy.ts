// Finds what was typed as a subsequence, and says how well it fits: starts of words and runs count, gaps cost.

export type Fit = { score: number; marks: number[] };

const startsWord = (text: string, at: number) =>
  at === 0 ||
  /[/\\_\-. :]/.test(text[at - 1] ?? "") ||
  (/[a-z]/.test(text[at - 1] ?? "") && /[A-Z]/.test(text[at] ?? ""));

/** `marks` are the characters that were hit; null when the text does not hold the query. Spaces in the query are ignored. */
export function fuzzy(query: string, text: string): Fit | null {
  const wanted = query.toLowerCase().replace(/\s+/g, "");
  if (!wanted) return { score: 0, marks: [] };
  const low = text.toLowerCase();
  const base = low.lastIndexOf("/") + 1;
  const whole = low.indexOf(wanted, base);
  if (whole >= 0)
    return fitOf(
      text,
      base,
      [...wanted].map((_, n) => whole + n),
    );
  let at = -1;
  for (const letter of wanted) {
    at = low.indexOf(letter, at + 1);
    if (at < 0) return null;
  }
  // The shortest stretch that ends there: back from its end.
  const marks: number[] = [];
  for (let n = wanted.length - 1; n >= 0; n -= 1) {
    at = low.lastIndexOf(wanted[n] ?? "", at);
    marks.unshift(at);
    at -= 1;
  }
  return fitOf(text, base, marks);
}

function fitOf(text: string, base: number, marks: number[]): Fit {
  let score = 0;
  marks.forEach((at, n) => {
    score += 1;
    if (startsWord(text, at)) score += 6;
    if (at >= base) score += 2;
    const gap = n === 0 ? 0 : at - (marks[n - 1] ?? 0) - 1;
    score += gap === 0 ? 4 : -Math.min(gap, 6) * 0.5;
  });
  return { score: score - text.length * 0.02, marks };
}

/** The best `limit` of the items, best first; of equal ones the earlier first. */
export function best<T>(query: string, items: T[], text: (item: T) => string, limit: number): { item: T; fit: Fit }[] {
  const found: { item: T; fit: Fit; at: number }[] = [];
  items.forEach((item, at) => {
    const fit = fuzzy(query, text(item));
    if (fit) found.push({ item, fit, at });
  });
  return found.sort((a, b) => b.fit.score - a.fit.score || a.at - b.at).slice(0, limit);
}
