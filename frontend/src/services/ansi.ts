// Colours of a log line (ECMA-48 §8.3.117, SGR) as pieces of text to be rendered as text: nothing of a line is ever markup.

export type Piece = { text: string; classes: string; colour?: string; ground?: string };
type Style = { classes: Set<string>; front: string; back: string; colour?: string; ground?: string };

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are control characters
const SEQUENCE = /\x1b(?:\[([0-9;:]*)([@-~])|\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what has no picture is left out
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/g;

/** The pieces of a line. Of what a carriage return overwrote, as progress bars do, only the last is left. */
export function pieces(line: string): Piece[] {
  const shown = line.replace(/\r+$/, "");
  const text = shown.slice(shown.lastIndexOf("\r") + 1);
  const found: Piece[] = [];
  const style: Style = { classes: new Set(), front: "", back: "" };
  let at = 0;
  const add = (part: string) => {
    const clean = part.replace(CONTROL, "");
    if (!clean) return;
    const classes = [...style.classes, style.front, style.back].filter(Boolean).join(" ");
    found.push({ text: clean, classes, colour: style.colour, ground: style.ground });
  };
  for (const match of text.matchAll(SEQUENCE)) {
    add(text.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === "m") apply(style, (match[1] ?? "").split(/[;:]/).map(Number));
  }
  add(text.slice(at));
  return found;
}

/** The line without its colours. */
export const plain = (line: string) =>
  pieces(line)
    .map((piece) => piece.text)
    .join("");

function apply(style: Style, codes: number[]): void {
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0;
    if (code === 0) {
      style.classes.clear();
      style.front = style.back = "";
      style.colour = style.ground = undefined;
    } else if (code === 1) style.classes.add("a-bold");
    else if (code === 2) style.classes.add("a-faint");
    else if (code === 3) style.classes.add("a-italic");
    else if (code === 4) style.classes.add("a-under");
    else if (code === 22) for (const name of ["a-bold", "a-faint"]) style.classes.delete(name);
    else if (code === 23) style.classes.delete("a-italic");
    else if (code === 24) style.classes.delete("a-under");
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97) || code === 39) {
      style.front = code === 39 ? "" : `a-${code >= 90 ? code - 82 : code - 30}`;
      style.colour = undefined;
    } else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107) || code === 49) {
      style.back = code === 49 ? "" : `b-${code >= 100 ? code - 92 : code - 40}`;
      style.ground = undefined;
    } else if (code === 38 || code === 48) {
      const rich =
        codes[i + 1] === 5 ? indexed(codes[i + 2] ?? 0) : codes[i + 1] === 2 ? rgb(codes.slice(i + 2, i + 5)) : "";
      i += codes[i + 1] === 5 ? 2 : codes[i + 1] === 2 ? 4 : 0;
      if (code === 38) {
        style.front = rich.startsWith("#") ? "" : rich && `a-${rich}`;
        style.colour = rich.startsWith("#") ? rich : undefined;
      } else {
        style.back = rich.startsWith("#") ? "" : rich && `b-${rich}`;
        style.ground = rich.startsWith("#") ? rich : undefined;
      }
    }
  }
}

/** One of 256: the number itself below 16, else "#rrggbb". */
function indexed(n: number): string {
  if (n < 16) return String(n);
  if (n >= 232) return rgb(Array(3).fill(8 + (n - 232) * 10));
  const level = (step: number) => (step ? 55 + step * 40 : 0);
  return rgb([level(Math.floor((n - 16) / 36)), level(Math.floor((n - 16) / 6) % 6), level((n - 16) % 6)]);
}

const rgb = (parts: number[]) =>
  `#${[0, 1, 2]
    .map((i) =>
      Math.max(0, Math.min(255, Math.round(parts[i] ?? 0) || 0))
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;
