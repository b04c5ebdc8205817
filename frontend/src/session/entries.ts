// What is done to a file or a folder of the session, and to the tabs that show it.
import { files, type Refused } from "../api";
import type { Bench } from "../shell/bench";
import { isIn } from "../shell/layout";
import { beside } from "./tree";

/** Whether it was done; why it was not is told. */
const tried = (bench: Bench, operation: Record<string, unknown>): Promise<boolean> =>
  files(bench.sessionId, operation).then(
    () => true,
    (error: Refused) => {
      bench.questions.tell(error.message, "error");
      return false;
    },
  );

export async function make(bench: Bench, kind: "file" | "folder", path: string): Promise<boolean> {
  const op = kind === "file" ? { op: "write", path, content: "", etag: "*" } : { op: "mkdir", path };
  const made = await tried(bench, op);
  if (made && kind === "file") bench.openFile(path);
  return made;
}

export async function move(bench: Bench, path: string, to: string): Promise<boolean> {
  if (to === path || !(await tried(bench, { op: "move", path, to }))) return false;
  await bench.follow(path, to);
  return true;
}

/** Where it lies now; null where it stays. */
export async function rename(bench: Bench, path: string): Promise<string | null> {
  const value = path.slice(path.lastIndexOf("/") + 1);
  const name = await bench.questions.prompt(`Rename ${path}`, { label: "Name", value }, "Rename");
  const to = name && beside(path, name);
  return to && (await move(bench, path, to)) ? to : null;
}

export async function remove(bench: Bench, path: string): Promise<boolean> {
  const typed = [...bench.unsaved.get()].some((id) => isIn(id, `text:${path}`));
  const lost = typed ? " What was typed there and not saved is lost." : "";
  const sure = await bench.questions.choose(
    `Delete ${path}?`,
    `A snapshot is taken first: History brings it back.${lost}`,
    [{ label: "Delete", value: "yes", kind: "danger" }],
  );
  if (!sure || !(await tried(bench, { op: "delete", path, recursive: true }))) return false;
  await bench.follow(path, null);
  return true;
}
