// What Git LFS leaves in place of a large file: a pointer of three lines.
import { bytes } from "../services/words";

/** What to say of a file with this text where it is such a pointer. */
export function pointerNote(text: string): string {
  const size = /^size (\d+)$/m.exec(text)?.[1];
  if (!size || !text.startsWith("version https://git-lfs.github.com/spec/v1\n")) return "";
  return `A pointer to a file of ${bytes(Number(size))} in Git LFS, which is not fetched: “git lfs pull” in a terminal does, where git-lfs is installed.`;
}
