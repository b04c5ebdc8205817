// Edits across files, as servers and replacements propose them: in open files where they can be undone, in all others through
// the API with the ETag that was read, and under a snapshot that brings everything back.
import { ChangeSet } from "@codemirror/state";
import { type FileContent, files, post, vcs } from "../../api";
import type { Bench } from "../../shell/bench";
import { documentsOf } from "../documents";
import { pathOf } from "../paths";
import { changesOf, given, type TextEdit, taken } from "../text";
import type { WorkspaceEdit } from "./state";

type Step =
  | { kind: "edit"; path: string; edits: TextEdit[] }
  | { kind: "create" | "delete"; path: string }
  | { kind: "rename"; path: string; to: string };

/** The edit as steps on paths. Throws where one lies outside of the working copy. */
export function stepsOf(edit: WorkspaceEdit): Step[] {
  const inside = (uri: string) => {
    const path = pathOf(uri);
    if (path === null) throw new Error(`${uri} is not in the working copy; nothing was changed.`);
    return path;
  };
  if (!edit.documentChanges)
    return Object.entries(edit.changes ?? {}).map(([uri, edits]) => ({ kind: "edit", path: inside(uri), edits }));
  return edit.documentChanges.map((one): Step => {
    if (!("kind" in one)) return { kind: "edit", path: inside(one.textDocument.uri), edits: one.edits };
    if (one.kind === "rename") return { kind: "rename", path: inside(one.oldUri), to: inside(one.newUri) };
    return { kind: one.kind, path: inside(one.uri) };
  });
}

/** Applies it; what it did is told in a note with a way back. True when all of it was done. */
export async function applyEdit(bench: Bench, edit: WorkspaceEdit, label: string): Promise<boolean> {
  let snapshot = "";
  let done = 0;
  try {
    const steps = stepsOf(edit).filter((step) => step.kind !== "edit" || step.edits.length > 0);
    if (steps.length === 0) return true;
    const documents = documentsOf(bench);
    const beyond = steps.filter(
      (step) => step.kind !== "edit" || documents.get(step.path)?.status.get().phase !== "ready",
    );
    const paths = new Set(steps.map((step) => step.path));
    if (beyond.length > 0 || paths.size > 1) snapshot = await snapshotOf(bench, `Before: ${label}`);
    for (const step of steps) {
      await take(bench, step);
      done += 1;
    }
    if (beyond.length > 0) bench.changed([...paths]);
    if (paths.size > 1 || beyond.length > 0)
      bench.questions.tell(
        `${label}: ${paths.size} ${paths.size === 1 ? "file" : "files"}.`,
        "info",
        undo(bench, snapshot),
      );
    return true;
  } catch (error) {
    const text = `${label}: ${(error as Error).message}${done ? ` ${done} of its files were changed before.` : ""}`;
    bench.questions.tell(text, "error", done ? undo(bench, snapshot) : []);
    return false;
  }
}

export async function snapshotOf(bench: Bench, label: string): Promise<string> {
  const made = await post<{ id?: string; snapshot_id?: string }>(`${vcs(bench.sessionId)}/snapshots`, {
    label: label.slice(0, 200),
  });
  return made.id ?? made.snapshot_id ?? "";
}

export function undo(bench: Bench, snapshot: string) {
  if (!snapshot) return [];
  const run = () =>
    post(`${vcs(bench.sessionId)}/snapshots/${snapshot}/restore`).then(
      () => bench.changed(),
      (error: Error) => bench.questions.tell(error.message, "error"),
    );
  return [{ label: "Undo", run: () => void run() }];
}

async function take(bench: Bench, step: Step): Promise<void> {
  const { sessionId } = bench;
  if (step.kind === "create") await files(sessionId, { op: "write", path: step.path, content: "", etag: "*" });
  else if (step.kind === "delete") await files(sessionId, { op: "delete", path: step.path, recursive: true });
  else if (step.kind === "rename") {
    await files(sessionId, { op: "move", path: step.path, to: step.to });
    await bench.follow(step.path, step.to);
  } else if (step.kind === "edit") await change(bench, step.path, step.edits);
}

/** Changes one file. An open one that had no changes is saved, too; one that had keeps them all unsaved. */
async function change(bench: Bench, path: string, edits: TextEdit[]): Promise<void> {
  const document = documentsOf(bench).get(path);
  if (document?.status.get().phase === "ready") {
    const clean = !document.dirty;
    document.apply({
      changes: ChangeSet.of(changesOf(document.text, edits), document.text.length),
      userEvent: "edit.server",
    });
    if (clean && !(await document.save())) throw new Error(`${path} could not be saved; it is changed in its tab.`);
    return;
  }
  const found = (await files(bench.sessionId, { op: "read", path })) as FileContent;
  if (found.encoding === "base64") throw new Error(`${path} is not text.`);
  const { text, eol } = taken(found.content);
  const changed = ChangeSet.of(changesOf(text, edits), text.length).apply(text);
  await files(bench.sessionId, { op: "write", path, content: given(changed, eol), etag: found.etag });
}
