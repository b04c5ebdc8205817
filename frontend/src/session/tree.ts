// The tree of files as data: which rows there are, and what each looks like.
import type { Entry } from "../api";

export type Row = { entry: Entry; depth: number };

export const above = (path: string): string => path.split("/").slice(0, -1).join("/");
export const beside = (path: string, name: string): string => [above(path), name].filter(Boolean).join("/");

/** The rows from top to bottom: what is in `""`, and in each folder that is open and was read. */
export function rowsOf(folders: Record<string, Entry[]>, open: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  const walk = (path: string, depth: number) => {
    for (const entry of folders[path] ?? []) {
      rows.push({ entry, depth });
      if (entry.type === "directory" && open.has(entry.path)) walk(entry.path, depth + 1);
    }
  };
  walk("", 0);
  return rows;
}

const KINDS: [RegExp, icon: string, hue: number][] = [
  [/\.(py|pyi|ipynb)$/i, "file", 215],
  [/\.(ts|tsx|mts|cts)$/i, "file", 210],
  [/\.(js|jsx|mjs|cjs)$/i, "file", 48],
  [/\.(json|jsonc|toml|ya?ml|ini|cfg|env|lock)$|^\.[a-z]+(rc|ignore|attributes)$/i, "settings", 265],
  [/\.(md|markdown|rst|txt)$|^(license|readme|changes|changelog|authors)/i, "outline", 190],
  [/\.(html?|vue|svelte|xml)$/i, "file", 18],
  [/\.(css|scss|less)$/i, "file", 285],
  [/\.(png|jpe?g|gif|webp|avif|bmp|ico|svg)$/i, "image", 150],
  [/\.(csv|tsv)$/i, "table", 150],
  [/\.(sqlite3?|db3?|sql)$/i, "database", 30],
  [/\.(sh|bash|zsh)$|^(makefile|dockerfile|containerfile|procfile)/i, "terminal", 100],
  [/\.(rs|go|c|h|cc|cpp|hpp|java|kt|rb|php|cs|lua)$/i, "file", 10],
];

export function iconOf(entry: Entry): { icon: string; hue: number | null } {
  if (entry.type === "symlink") return { icon: "link", hue: null };
  if (entry.type !== "file") return { icon: "lock", hue: null };
  const found = KINDS.find(([pattern]) => pattern.test(entry.name));
  return found ? { icon: found[1], hue: found[2] } : { icon: "file", hue: null };
}
