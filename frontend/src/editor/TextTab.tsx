// One open file: CodeMirror, saved with the ETag it was read with, so that nobody's work is overwritten unseen.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import {
  bracketMatching,
  defaultHighlightStyle,
  foldGutter,
  foldKeymap,
  indentOnInput,
  syntaxHighlighting,
} from "@codemirror/language";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState } from "@codemirror/state";
import { oneDark } from "@codemirror/theme-one-dark";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { useCallback, useEffect, useRef, useState } from "react";
import { type FileContent, files, type Refused } from "../api";
import { Button, Notice } from "../parts/controls";
import type { EditorProps } from "../shell/registry";
import { useStore } from "../shell/store";
import { theme } from "../shell/theme";
import { languageOf } from "./languages";

export default function TextTab({ bench, tab, visible }: EditorProps) {
  const { sessionId } = bench;
  const path = tab.path ?? "";
  const tick = useStore(bench.tick);
  const goal = useStore(bench.goal);
  const onDirty = useCallback((at: string, unsaved: boolean) => bench.mark(`file:${at}`, unsaved), [bench]);
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const etag = useRef("");
  const saved = useRef("");
  const [loaded, setLoaded] = useState(false);
  const [failure, setFailure] = useState<Refused | null>(null);
  const [binary, setBinary] = useState(false);

  const dirty = useCallback(() => view.current !== null && view.current.state.doc.toString() !== saved.current, []);

  const read = useCallback(async () => {
    try {
      const found = (await files(sessionId, { op: "read", path })) as FileContent;
      setBinary(found.encoding === "base64");
      if (found.encoding === "base64" || found.etag === etag.current) return;
      etag.current = found.etag;
      saved.current = found.content;
      const shown = view.current;
      if (shown && shown.state.doc.toString() !== found.content) {
        const at = Math.min(shown.state.selection.main.head, found.content.length);
        shown.dispatch({
          changes: { from: 0, to: shown.state.doc.length, insert: found.content },
          selection: { anchor: at },
        });
      }
      onDirty(path, false);
      setFailure(null);
      setLoaded(true);
    } catch (error) {
      if ((error as Refused).code !== "not_found") setFailure(error as Refused);
    }
  }, [sessionId, path, onDirty]);

  const save = useCallback(
    async (overwrite = false) => {
      const content = view.current?.state.doc.toString() ?? "";
      try {
        const known = overwrite ? {} : { etag: etag.current };
        const written = (await files(sessionId, { op: "write", path, content, ...known })) as { etag: string };
        etag.current = written.etag;
        saved.current = content;
        onDirty(path, dirty());
        setFailure(null);
      } catch (error) {
        setFailure(error as Refused);
      }
    },
    [sessionId, path, onDirty, dirty],
  );

  useEffect(() => {
    if (!place.current) return;
    const language = new Compartment();
    const painted = new Compartment();
    const themed = () => (theme.get() === "dark" ? oneDark : syntaxHighlighting(defaultHighlightStyle));
    const made = new EditorView({
      parent: place.current,
      state: EditorState.create({
        extensions: [
          lineNumbers(),
          foldGutter(),
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          closeBrackets(),
          autocompletion(),
          highlightActiveLine(),
          highlightActiveLineGutter(),
          highlightSelectionMatches(),
          keymap.of([
            {
              key: "Mod-s",
              preventDefault: true,
              run: () => {
                save();
                return true;
              },
            },
            ...closeBracketsKeymap,
            ...defaultKeymap,
            ...searchKeymap,
            ...historyKeymap,
            ...foldKeymap,
            ...completionKeymap,
            indentWithTab,
          ]),
          language.of([]),
          painted.of(themed()),
          EditorView.contentAttributes.of({ "aria-label": path }),
          EditorView.updateListener.of((update) => update.docChanged && onDirty(path, dirty())),
        ],
      }),
    });
    const repaint = () => made.dispatch({ effects: painted.reconfigure(themed()) });
    const plain = theme.subscribe(repaint);
    view.current = made;
    languageOf(path).then((found) => view.current === made && made.dispatch({ effects: language.reconfigure(found) }));
    etag.current = "";
    read();
    return () => {
      plain();
      made.destroy();
      view.current = null;
    };
  }, [path, save, read, onDirty, dirty]);

  useEffect(() => {
    if (visible) view.current?.focus();
  }, [visible]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a tick means that files changed on disk
  useEffect(() => {
    if (visible && !dirty()) read();
  }, [tick, visible, dirty, read]);

  useEffect(() => {
    const shown = view.current;
    if (!loaded || !shown || goal?.path !== path) return;
    const at = shown.state.doc.line(Math.max(1, Math.min(goal.line, shown.state.doc.lines))).from;
    shown.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
    shown.focus();
  }, [goal, loaded, path]);

  const stale = failure?.code === "etag_mismatch";
  return (
    <div className="editor" hidden={!visible}>
      {failure && (
        <Notice
          text={stale ? "Somebody changed this file since you opened it. Your text is still here." : failure.message}
        >
          {stale && (
            <span className="row">
              <Button
                onClick={() => {
                  etag.current = "";
                  read();
                }}
              >
                Load theirs
              </Button>
              <Button kind="danger" onClick={() => save(true)}>
                Overwrite with mine
              </Button>
            </span>
          )}
        </Notice>
      )}
      {binary && <Notice kind="info" text="This file is not text; it is not shown here." />}
      <div className="code" ref={place} hidden={binary} />
    </div>
  );
}
