// The text editor's part of the page: tabs of files, what is done to a file, quick open, search, problems, outline.
import type { EditorView } from "@codemirror/view";
import { lazy, type ReactNode, useEffect } from "react";
import type { Bench } from "../shell/bench";
import { command, editor, type Found, finder, provider, status, view } from "../shell/registry";
import { useSelected, useStore } from "../shell/store";
import { cursor } from "./cursor";
import { paths as drafts } from "./drafts";
import { findFiles } from "./finder";
import { titleOf } from "./names";
import "./editor.css";
import "./settings";

editor({ kind: "text", icon: "file", component: lazy(() => import("./TextTab")), keeps: true });
editor({
  kind: "image",
  icon: "image",
  component: lazy(() => import("./ImageTab")),
  opens: (path) => /\.(png|jpe?g|gif|webp|avif|bmp|ico|svg)$/i.test(path),
});
editor({
  kind: "sheet",
  icon: "table",
  component: lazy(() => import("./SheetTab")),
  opens: (path) => /\.(csv|tsv)$/i.test(path),
});
editor({ kind: "markdown", icon: "eye", component: lazy(() => import("./MarkdownTab")) });

editor({ kind: "library", icon: "file", component: lazy(() => import("./LibraryTab")), keeps: true });

// CodeMirror comes with the first text that is opened, not with the page: what needs it asks for it.
const documents = async (bench: Bench) => (await import("./documents")).documentsOf(bench);
const isText = (bench: Bench) => bench.tab?.kind === "text";
const textOf = (bench: Bench) => {
  const document = cursor.get()?.document;
  return isText(bench) && document?.path === bench.tab?.path ? document : undefined;
};

/** What was typed and not saved when the page was left comes back with it. */
function Drafts({ bench, children }: { bench: Bench; children?: ReactNode }) {
  const ready = useSelected(bench.info, (info) => info.session?.status === "ready");
  useEffect(() => {
    if (!ready) return;
    void drafts(bench.sessionId).then(
      async (kept) => kept.length > 0 && (await documents(bench)).restore(kept),
      () => undefined,
    );
  }, [bench, ready]);
  return children;
}
provider(Drafts);

command({
  id: "file.save",
  needs: "files:write",
  group: "File",
  title: "Save",
  keys: "Mod-S",
  when: isText,
  run: (bench) => textOf(bench)?.save(),
});
command({
  id: "file.saveAll",
  needs: "files:write",
  group: "File",
  title: "Save all",
  keys: "Mod-Alt-S",
  when: (bench) => bench.unsaved.get().size > 0,
  run: async (bench) => {
    for (const document of (await documents(bench)).all) if (document.dirty) await document.save();
  },
});
command({
  id: "file.revert",
  group: "File",
  title: "Drop changes that are not saved",
  icon: "undo",
  when: (bench) => textOf(bench)?.dirty === true,
  run: async (bench) => {
    const document = textOf(bench);
    if (!document) return;
    const sure = await bench.questions.choose(`Drop the changes to ${document.path}?`, "They were never saved.", [
      { label: "Drop them", value: "drop", kind: "danger" },
    ]);
    if (sure) await document.revert();
  },
});
command({
  id: "file.asText",
  group: "File",
  title: "Open as text",
  icon: "pencil",
  when: (bench) => bench.tab?.path !== undefined && bench.tab.kind !== "text",
  run: (bench) => bench.openText(bench.tab?.path ?? ""),
});
command({
  id: "markdown.show",
  group: "File",
  title: "Show Markdown as a page",
  icon: "eye",
  keys: "Mod-Shift-V",
  when: (bench) => isText(bench) && /\.(md|markdown)$/i.test(bench.tab?.path ?? ""),
  run: (bench) => {
    const path = bench.tab?.path ?? "";
    bench.open({ id: `markdown:${path}`, kind: "markdown", title: `${path.split("/").pop()} (page)`, path });
    bench.entering.set(`markdown:${path}`);
  },
});
command({
  id: "tab.reveal",
  group: "Tabs",
  title: "Show in the files",
  icon: "files",
  when: (bench) => bench.tab?.path !== undefined,
  run: (bench) => bench.show("files"),
});

finder({ prefix: "", title: "Files", placeholder: "A file’s name, or > for commands", find: findFiles });
finder({
  prefix: ":",
  title: "Line",
  placeholder: "Line, or line:column",
  find: (bench, query): Found[] => {
    const path = bench.tab?.path;
    const [line, column] = query.split(":").map(Number);
    if (!path || !line) return [];
    const title = column ? `Line ${line}, column ${column}` : `Line ${line}`;
    return [{ id: "line", title, detail: path, run: () => bench.goal.set({ path, line, column: column || 1 }) }];
  },
});

/** The editor of the tab in front: at once, or when it has come, unless one goes elsewhere meanwhile. */
function whenThere(bench: Bench, act: (view: EditorView) => void): void {
  const tab = bench.tab;
  const there = () => {
    const at = cursor.get();
    return at?.path === (tab?.path ?? tab?.data) ? at?.view : undefined;
  };
  const look = () => {
    const view = there();
    if (view || bench.tab?.id !== tab?.id) leave();
    if (view) queueMicrotask(() => act(view)); // after it has taken the focus
  };
  const leave = cursor.subscribe(look);
  look();
}
for (const [name, title, keys, of] of [
  ["find", "Find in the file", "Mod-F", ["text", "library"]],
  ["comment", "Comment out, and back", "Mod-/", ["text"]],
  ["fold", "Fold all", undefined, ["text", "library"]],
  ["unfold", "Unfold all", undefined, ["text", "library"]],
] as const)
  command({
    id: `editor.${name}`,
    group: "Editor",
    title,
    keys,
    needs: name === "comment" ? "files:write" : undefined,
    within: name === "comment" ? ".cm-editor" : undefined, // who writes elsewhere means something else
    when: (bench) => of.some((kind) => kind === bench.tab?.kind),
    run: async (bench) => {
      const known = await import("./commands");
      whenThere(bench, (view) => known[name](view));
    },
  });

command({
  id: "palette.line",
  group: "Code",
  title: "Go to a line…",
  keys: "Ctrl-G",
  when: (bench) => bench.tab?.kind === "text", // its editor may still be on the way
  run: (bench) => bench.asking.set(":"),
});

view({
  id: "search",
  place: "side",
  title: "Search",
  icon: "search",
  order: 20,
  keys: "Mod-Shift-F",
  component: lazy(() => import("./SearchView")),
});

function Place() {
  const at = useStore(cursor);
  if (!at) return null;
  const { state } = at.view;
  const { main, ranges } = state.selection;
  const line = state.doc.lineAt(main.head);
  const chosen = ranges.reduce((sum, range) => sum + range.to - range.from, 0);
  return (
    <span>
      Ln {line.number}, Col {main.head - line.from + 1}
      {chosen > 0 && ` (${chosen} selected)`}
      {ranges.length > 1 && ` ${ranges.length} cursors`}
    </span>
  );
}
status({ id: "place", side: "right", order: 20, component: Place });

function Kind() {
  const at = useStore(cursor);
  if (!at) return null;
  return (
    <span>
      {at.document ? `${at.document.eol === "\r\n" ? "CRLF" : "LF"} · ` : "read only · "}
      {titleOf(at.path)}
    </span>
  );
}
status({ id: "kind", side: "right", order: 40, component: Kind });
