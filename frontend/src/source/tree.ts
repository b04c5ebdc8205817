// Changed files as a tree: folders that hold nothing but one folder are one row with it.
import type { Changed } from "./types";

/** `paths` are those of all files below a folder. */
export type TreeRow =
  | { kind: "folder"; path: string; name: string; depth: number; open: boolean; paths: string[] }
  | { kind: "file"; path: string; name: string; depth: number; file: Changed };
type Folder = { folders: Map<string, Folder>; files: Changed[] };

export function treeOf(files: Changed[], closed: ReadonlySet<string>, flat: boolean): TreeRow[] {
  if (flat) return files.map((file) => ({ kind: "file", path: file.path, name: file.path, depth: 0, file }));
  const root: Folder = { folders: new Map(), files: [] };
  for (const file of files) {
    let here = root;
    for (const part of file.path.split("/").slice(0, -1)) {
      const next = here.folders.get(part) ?? { folders: new Map(), files: [] };
      here.folders.set(part, next);
      here = next;
    }
    here.files.push(file);
  }
  const rows: TreeRow[] = [];
  walk(root, "", 0, closed, rows);
  return rows;
}

function walk(folder: Folder, base: string, depth: number, closed: ReadonlySet<string>, rows: TreeRow[]): void {
  for (const [first, child] of [...folder.folders].sort(([a], [b]) => a.localeCompare(b))) {
    let name = first;
    let inner = child;
    while (inner.files.length === 0 && inner.folders.size === 1) {
      const [[more, only]] = [...inner.folders] as [[string, Folder]];
      name += `/${more}`;
      inner = only;
    }
    const path = base ? `${base}/${name}` : name;
    const open = !closed.has(path);
    rows.push({ kind: "folder", path, name, depth, open, paths: below(inner) });
    if (open) walk(inner, path, depth + 1, closed, rows);
  }
  for (const file of folder.files)
    rows.push({ kind: "file", path: file.path, name: file.path.slice(base ? base.length + 1 : 0), depth, file });
}

const below = (folder: Folder): string[] => [
  ...[...folder.folders.values()].flatMap(below),
  ...folder.files.map((file) => file.path),
];
