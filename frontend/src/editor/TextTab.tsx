// A tab of a text file: CodeMirror on a document, and what is to be said about that document.
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { Button, Notice } from "../parts/controls";
import type { EditorProps } from "../shell/registry";
import { useSetting, values } from "../shell/settings";
import { useStore } from "../shell/store";
import { cursor } from "./cursor";
import { documentsOf, followed, type TextDocument } from "./documents";
import { languageOf } from "./languages";
import { pointerNote } from "./lfs";
import { basics, chosen, complaining, reach } from "./look";
import { SERVED, serverLanguage } from "./names";
import { stay } from "./places";

const Conflict = lazy(() => import("./Conflict"));

export default function TextTab({ bench, tab, visible, focused }: EditorProps) {
  const path = tab.path ?? "";
  const documents = documentsOf(bench);
  const document = useMemo(() => documents.take(path), [documents, path]);
  const status = useStore(document.status);
  const size = useSetting<number>("editor.fontSize");
  const ready = status.phase === "ready";
  return (
    <div className="editor" style={{ "--code-size": `${size}px` } as React.CSSProperties}>
      <Said document={document} />
      {ready && status.conflict && (
        <Suspense>
          <Conflict document={document} theirs={status.conflict.theirs} />
        </Suspense>
      )}
      {ready && <Code {...{ bench, tab, visible, focused }} document={document} hidden={status.conflict !== null} />}
      {status.phase === "loading" && <div className="loading" role="progressbar" aria-label="Loading" />}
    </div>
  );
}

function Said({ document }: { document: TextDocument }) {
  const { phase, reason, restored, conflict } = useStore(document.status);
  if (phase === "binary") return <Notice kind="info" text="This file is not text; it is not shown here." />;
  if (phase === "missing") return <Notice kind="info" text="This file is gone. History and snapshots may have it." />;
  if (phase === "failed")
    return (
      <Notice text={reason}>
        <Button onClick={() => document.load()}>Try again</Button>
      </Notice>
    );
  if (conflict)
    return (
      <Notice text="Somebody changed this file since you opened it. Theirs is at the left, yours at the right.">
        <Button onClick={() => document.takeTheirs()}>Load theirs</Button>
        <Button kind="main" onClick={() => document.save(true)}>
          Save mine
        </Button>
      </Notice>
    );
  return (
    <>
      <Notice text={reason} />
      {phase === "ready" && <Notice kind="info" text={pointerNote(document.text.sliceString(0, 1024))} />}
      {restored && (
        <Notice kind="info" text="These changes were not saved when the page was left; they are here again.">
          <Button onClick={() => document.save()}>Save</Button>
          <Button kind="quiet" onClick={() => document.bench.run("file.revert")}>
            Drop them
          </Button>
        </Notice>
      )}
    </>
  );
}

function Code({
  bench,
  tab,
  visible,
  focused,
  document,
  hidden,
}: EditorProps & { document: TextDocument; hidden: boolean }) {
  const place = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<EditorView | null>(null);
  const goal = useStore(bench.goal);

  useEffect(() => {
    if (!place.current) return;
    const made = open(document, place.current);
    document.views.add(made);
    setView(made);
    return () => {
      document.views.delete(made);
      made.destroy();
      setView(null);
      // A tab that only moves is there again in a moment.
      window.setTimeout(() => documentsOf(bench).leave(document), 1000);
    };
  }, [bench, document]);

  useEffect(() => {
    if (!view || !visible || !focused) return;
    if (!window.document.activeElement?.closest("dialog, .xterm, .menu")) view.focus();
    cursor.set({ view, path: document.path, document });
  }, [view, visible, focused, document]);

  useEffect(() => {
    if (!view || !visible || !focused || !goal || goal.path !== tab.path) return;
    reach(view, goal);
    bench.goal.set((now) => (now === goal ? null : now)); // another may have come meanwhile
  }, [bench, goal, view, visible, focused, tab.path]);

  return <div className="code" ref={place} hidden={hidden} />;
}

function open(document: TextDocument, parent: HTMLElement): EditorView {
  const language = new Compartment();
  const settings = new Compartment();
  const server = new Compartment();
  const rights = new Compartment();
  const { bench, path } = document;
  const top = () => document.text.iterLines(1, Math.min(400, document.text.lines) + 1);
  const view: EditorView = new EditorView({
    parent,
    state: EditorState.create({
      doc: document.text,
      extensions: [
        server.of([]),
        settings.of(chosen(top())),
        rights.of(EditorState.readOnly.of(!bench.may("files:write"))),
        basics,
        language.of([]),
        EditorView.contentAttributes.of({ "aria-label": path }),
        complaining(bench),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && !update.transactions.some((one) => one.annotation(followed)))
            document.changed(view, update.changes, update.state.doc);
          const mine = view.hasFocus || cursor.get()?.view === view; // one that loses the focus has no say
          if (mine && (update.selectionSet || update.docChanged || update.focusChanged))
            cursor.set({ view, path, document });
        }),
      ],
    }),
  });
  const gone = () => !document.views.has(view);
  const told = values.subscribe(() => view.dispatch({ effects: settings.reconfigure(chosen(top())) }));
  const mayMore = bench.info.subscribe(() =>
    view.dispatch({ effects: rights.reconfigure(EditorState.readOnly.of(!bench.may("files:write"))) }),
  );
  const leave = stay(bench, path, view);
  const destroy = view.destroy.bind(view);
  view.destroy = () => {
    told();
    mayMore();
    leave();
    if (cursor.get()?.view === view) cursor.set(null);
    destroy();
  };
  languageOf(path).then(
    (found) => gone() || view.dispatch({ effects: language.reconfigure(found) }),
    () => undefined, // an older page than the server: plain text then
  );
  const served = serverLanguage(path);
  if (served && document.text.length < SERVED)
    import("./lsp/servers").then(
      ({ serve }) => gone() || view.dispatch({ effects: server.reconfigure(serve(document, served)) }),
      () => undefined,
    );
  return view;
}
