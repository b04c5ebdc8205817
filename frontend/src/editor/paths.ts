// Paths of the working copy, relative to its root, and the addresses that language servers give them.
import { isIn } from "../shell/layout";

export const ROOT = "file:///workspace";

/** Where a link of the file at `from` leads; null when that is outside of the working copy. */
export function within(from: string, link: string): string | null {
  let decoded: string;
  try {
    decoded = decodeURIComponent(link);
  } catch {
    return null;
  }
  const parts = decoded.startsWith("/") ? [] : from.split("/").slice(0, -1);
  for (const part of decoded.split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) return null;
    } else if (part && part !== ".") parts.push(part);
  }
  return parts.join("/") || null;
}

export const uriOf = (path: string): string => `${ROOT}/${path.split("/").map(encodeURIComponent).join("/")}`;

/** The path of a file of the working copy; null for any other. */
export function pathOf(uri: string): string | null {
  return uri.startsWith(`${ROOT}/`) ? within("", uri.slice(ROOT.length + 1)) : null;
}

/** Whether a change of those paths, or of a folder among them, is one of the file at `path`; null stands for any. */
export const touches = (changed: Iterable<string> | null, path: string): boolean =>
  changed === null || [...changed].some((one) => isIn(path, one));
