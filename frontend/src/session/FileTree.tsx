// The files of a session: folders open lazily; new, rename, delete; arrows move, Enter opens.
import { type KeyboardEvent, useCallback, useEffect, useState } from "react";
import { type Entry, files, post, type Refused } from "../api";
import { Button, Dialog, Field, Notice } from "../parts/controls";

type Row = { entry: Entry; depth: number };
type Asked = { kind: "file" | "folder" | "rename" | "delete"; path: string };
type Props = {
  sessionId: string;
  tick: number;
  current: string;
  onOpen: (path: string) => void;
  onGone: (path: string) => void;
};

export function FileTree({ sessionId, tick, current, onOpen, onGone }: Props) {
  const [folders, setFolders] = useState<Record<string, Entry[]>>({});
  const [unfolded, setUnfolded] = useState<Set<string>>(new Set());
  const [selected, setSelected] = useState("");
  const [asked, setAsked] = useState<Asked | null>(null);
  const [failure, setFailure] = useState("");

  const read = useCallback(
    async (path: string) => {
      try {
        const found = await post<{ entries: Entry[] }>(`/workspace/${sessionId}/file-tree`, { path, depth: 1 });
        found.entries.sort(
          (a, b) => Number(b.type === "directory") - Number(a.type === "directory") || a.name.localeCompare(b.name),
        );
        setFolders((old) => ({ ...old, [path]: found.entries.filter((entry) => entry.name !== ".git") }));
        setFailure("");
      } catch (error) {
        const refused = error as Refused;
        if (refused.code === "not_found") setUnfolded((old) => new Set([...old].filter((other) => other !== path)));
        else setFailure(refused.message);
      }
    },
    [sessionId],
  );

  // biome-ignore lint/correctness/useExhaustiveDependencies: a tick means that the files changed
  useEffect(() => {
    for (const path of ["", ...unfolded]) read(path);
  }, [read, unfolded, tick]);

  const rows: Row[] = [];
  const collect = (path: string, depth: number) => {
    for (const entry of folders[path] ?? []) {
      rows.push({ entry, depth });
      if (entry.type === "directory" && unfolded.has(entry.path)) collect(entry.path, depth + 1);
    }
  };
  collect("", 0);

  const toggle = (path: string) =>
    setUnfolded((old) => new Set(old.has(path) ? [...old].filter((other) => other !== path) : [...old, path]));
  const act = (entry: Entry) => (entry.type === "directory" ? toggle(entry.path) : onOpen(entry.path));

  const key = (event: KeyboardEvent) => {
    const at = rows.findIndex((row) => row.entry.path === selected);
    const entry = rows[at]?.entry;
    if (event.key === "ArrowDown") setSelected(rows[Math.min(at + 1, rows.length - 1)]?.entry.path ?? "");
    else if (event.key === "ArrowUp") setSelected(rows[Math.max(at - 1, 0)]?.entry.path ?? "");
    else if (!entry) return;
    else if (event.key === "Enter") act(entry);
    else if (event.key === "ArrowRight" && entry.type === "directory" && !unfolded.has(entry.path)) toggle(entry.path);
    else if (event.key === "ArrowLeft" && unfolded.has(entry.path)) toggle(entry.path);
    else if (event.key === "F2") setAsked({ kind: "rename", path: entry.path });
    else if (event.key === "Delete") setAsked({ kind: "delete", path: entry.path });
    else return;
    event.preventDefault();
  };

  const folder =
    rows.find((row) => row.entry.path === selected && row.entry.type === "directory")?.entry.path ??
    selected.split("/").slice(0, -1).join("/");
  return (
    <>
      <div className="row head">
        <h2>Files</h2>
        <span className="grow" />
        <Button kind="quiet" onClick={() => setAsked({ kind: "file", path: folder })}>
          New file
        </Button>
        <Button kind="quiet" onClick={() => setAsked({ kind: "folder", path: folder })}>
          New folder
        </Button>
      </div>
      <Notice text={failure} />
      <div className="tree" role="tree" aria-label="Files" tabIndex={0} onKeyDown={key}>
        {rows.map(({ entry, depth }) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the tree itself listens to the keys
          <div
            key={entry.path}
            role="treeitem"
            tabIndex={-1}
            aria-level={depth + 1}
            aria-selected={entry.path === selected}
            aria-expanded={entry.type === "directory" ? unfolded.has(entry.path) : undefined}
            className={`leaf ${entry.ignored ? "ignored" : ""} ${entry.path === current ? "current" : ""}`}
            style={{ paddingLeft: 10 + depth * 14 }}
            onClick={() => {
              setSelected(entry.path);
              act(entry);
            }}
          >
            <span className="glyph" aria-hidden>
              {entry.type === "directory"
                ? unfolded.has(entry.path)
                  ? "▾"
                  : "▸"
                : entry.type === "symlink"
                  ? "↪"
                  : ""}
            </span>
            <span className="name">{entry.name}</span>
            <span className="tools">
              <button
                type="button"
                aria-label={`Rename ${entry.path}`}
                title="Rename (F2)"
                onClick={(event) => {
                  event.stopPropagation();
                  setAsked({ kind: "rename", path: entry.path });
                }}
              >
                ✎
              </button>
              <button
                type="button"
                aria-label={`Delete ${entry.path}`}
                title="Delete"
                onClick={(event) => {
                  event.stopPropagation();
                  setAsked({ kind: "delete", path: entry.path });
                }}
              >
                ×
              </button>
            </span>
          </div>
        ))}
        {folders[""]?.length === 0 && <p className="soft empty">No files yet.</p>}
      </div>
      {asked && (
        <Ask
          asked={asked}
          onClose={() => setAsked(null)}
          onSend={async (name) => {
            const beside = [...asked.path.split("/").slice(0, -1), name].join("/");
            const within = asked.path ? `${asked.path}/${name}` : name;
            if (asked.kind === "file") await files(sessionId, { op: "write", path: within, content: "", etag: "*" });
            if (asked.kind === "folder") await files(sessionId, { op: "mkdir", path: within });
            if (asked.kind === "rename") await files(sessionId, { op: "move", path: asked.path, to: beside });
            if (asked.kind === "delete") await files(sessionId, { op: "delete", path: asked.path, recursive: true });
            if (asked.kind === "rename" || asked.kind === "delete") onGone(asked.path);
            await read(
              asked.kind === "file" || asked.kind === "folder"
                ? asked.path
                : asked.path.split("/").slice(0, -1).join("/"),
            );
            if (asked.path && asked.kind !== "rename" && asked.kind !== "delete")
              setUnfolded((old) => new Set([...old, asked.path]));
            if (asked.kind === "file") onOpen(within);
          }}
        />
      )}
    </>
  );
}

function Ask({
  asked,
  onClose,
  onSend,
}: {
  asked: Asked;
  onClose: () => void;
  onSend: (name: string) => Promise<void>;
}) {
  const [name, setName] = useState(asked.kind === "rename" ? (asked.path.split("/").pop() ?? "") : "");
  const [failure, setFailure] = useState("");
  const titles = {
    file: "New file",
    folder: "New folder",
    rename: `Rename ${asked.path}`,
    delete: `Delete ${asked.path}?`,
  };
  const send = () => onSend(name).then(onClose, (error: Refused) => setFailure(error.message));
  return (
    <Dialog title={titles[asked.kind]} onClose={onClose} onSubmit={send}>
      {asked.kind === "delete" ? (
        <p>A snapshot is taken first: History brings it back.</p>
      ) : (
        <Field
          label={asked.path && asked.kind !== "rename" ? `Name in ${asked.path}` : "Name"}
          value={name}
          onChange={(event) => setName(event.target.value)}
          required
          autoFocus
        />
      )}
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind={asked.kind === "delete" ? "danger" : "main"} autoFocus={asked.kind === "delete"}>
          {asked.kind === "delete" ? "Delete" : asked.kind === "rename" ? "Rename" : "Create"}
        </Button>
      </div>
    </Dialog>
  );
}
