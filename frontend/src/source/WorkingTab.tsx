// What is not committed of one file, or of all: each hunk and line can be left out of the next commit, or discarded.
import { type KeyboardEvent, useCallback, useEffect, useRef } from "react";
import { get } from "../api";
import { useAnswer } from "../parts/useAnswer";
import { Tool } from "../shell/controls";
import type { EditorProps } from "../shell/registry";
import { useStore } from "../shell/store";
import { openFile } from "./Changes";
import { hunkTaken, lineTaken, takeHunk, takeLine, taken, takePaths } from "./choice";
import { DiffPage } from "./DiffPage";
import type { LineAt } from "./DiffView";
import { sourceOf } from "./state";
import type { Diff, FileDiff, Hunk } from "./types";

/** `path` null is all files. */
export type WorkingData = { repository: string; path: string | null };

export default function WorkingTab({ bench, tab, visible }: EditorProps) {
  const { repository, path } = tab.data as WorkingData;
  const source = sourceOf(bench);
  const { files, repositories } = useStore(source.state);
  useStore(source.choices);
  const choice = source.choice(repository);
  const words = new URLSearchParams({ repository, ...(path === null ? {} : { path }) });
  const asked = `${source.base}/diff/working-copy?${words}`;
  const before = useRef<Diff | null>(null);
  const {
    data: diff,
    failure,
    load,
  } = useAnswer(asked, async () => {
    const found = await get<Diff>(asked);
    const same = JSON.stringify(before.current) === JSON.stringify(found);
    return same ? before.current : found; // what did not change is not drawn anew
  });
  before.current = diff;
  // biome-ignore lint/correctness/useExhaustiveDependencies: other files, or the same once more, are another difference
  useEffect(() => {
    if (visible) void load();
  }, [load, visible, files, repositories]);

  const toggleHunk = useCallback(
    (file: FileDiff, hunk: Hunk) =>
      source.choose(repository, (old) => takeHunk(old, file, hunk, hunkTaken(old, file.path, hunk) !== "all")),
    [source, repository],
  );
  const discardHunk = (file: FileDiff, hunk: Hunk) =>
    source.discard(repository, { hunks: [{ path: file.path, id: hunk.id ?? "" }] }, `a change of ${file.path}`);
  const discardFile = (file: FileDiff) =>
    source.discard(repository, { paths: file.old_path ? [file.path, file.old_path] : [file.path] }, file.path);
  const onKey = (event: KeyboardEvent, file: FileDiff, hunk: Hunk | null) => {
    if (event.key === " " && hunk) toggleHunk(file, hunk);
    else if (event.key === "Delete" && hunk) void discardHunk(file, hunk);
    else if (event.key === "Enter" && hunk && file.status !== "deleted")
      openFile(bench, repository, file.path, hunk.new_start + hunk.lines.findIndex((line) => line.kind !== " "));
    else return;
    event.preventDefault();
  };
  const fileTools = (file: FileDiff) => (
    <>
      {file.status !== "deleted" && (
        <Tool icon="file" label={`Open ${file.path}`} onClick={() => openFile(bench, repository, file.path)} />
      )}
      <Tool icon="undo" label={`Discard ${file.path}`} onClick={() => discardFile(file)} />
      <Check
        label={`Commit ${file.path}`}
        mark={taken(choice, file.path)}
        onToggle={() =>
          source.choose(repository, (old) => takePaths(old, [file.path], taken(old, file.path) !== "all"))
        }
      />
    </>
  );
  const hunkTools = (file: FileDiff, hunk: Hunk) => (
    <>
      <Tool icon="undo" label="Discard this change" onClick={() => discardHunk(file, hunk)} />
      <Check
        label={`Commit this change of ${file.path}`}
        mark={hunkTaken(choice, file.path, hunk)}
        onToggle={() => toggleHunk(file, hunk)}
      />
    </>
  );
  const gutter = ({ file, hunk, line, number }: LineAt) => {
    if (line.kind === " " || !hunk.id) return null;
    const yes = lineTaken(choice, file.path, hunk, number);
    return (
      <button
        type="button"
        tabIndex={-1}
        className={`line-box ${yes ? "" : "off"}`}
        aria-pressed={yes}
        aria-label={`Commit line ${line.new ?? line.old}`}
        title={yes ? "Leave this line out of the commit" : "Take this line into the commit"}
        onClick={() => source.choose(repository, (old) => takeLine(old, file, hunk, number, !yes))}
      />
    );
  };
  return (
    <DiffPage
      label={path ? `Changes of ${path}` : "All changes"}
      diff={diff}
      failure={failure}
      onAgain={load}
      empty={path ? "It is as it was committed." : "All is committed."}
      fileTools={fileTools}
      hunkTools={hunkTools}
      gutter={gutter}
      onKey={onKey}
    />
  );
}

function Check({ label, mark, onToggle }: { label: string; mark: "all" | "some" | "none"; onToggle: () => void }) {
  return (
    <label className="check" title={`${label} (Space)`}>
      <input
        type="checkbox"
        aria-label={label}
        checked={mark === "all"}
        ref={(box) => {
          if (box) box.indeterminate = mark === "some";
        }}
        onChange={onToggle}
      />
    </label>
  );
}
