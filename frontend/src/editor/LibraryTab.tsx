// A tab of a library's file, outside of the working copy, where a definition led to: read, and not changed.
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { useEffect, useRef, useState } from "react";
import { type FileContent, get, type Refused } from "../api";
import { Button, Notice } from "../parts/controls";
import type { EditorProps } from "../shell/registry";
import { useSetting } from "../shell/settings";
import { useStore } from "../shell/store";
import { cursor } from "./cursor";
import { languageOf } from "./languages";
import { basics, chosen, complaining, reach } from "./look";
import { SERVED, serverLanguage } from "./names";
import { stay } from "./places";

export default function LibraryTab({ bench, tab, visible, focused }: EditorProps) {
  const uri = tab.data as string;
  const at = decodeURIComponent(new URL(uri).pathname);
  const place = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<EditorView | null>(null);
  const [failure, setFailure] = useState("");
  const [tries, setTries] = useState(0);
  const size = useSetting<number>("editor.fontSize");
  const goal = useStore(bench.goal);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each try asks again
  useEffect(() => {
    let made: EditorView | null = null;
    let leave: (() => void) | undefined;
    let left = false;
    setFailure("");
    const query = new URLSearchParams({ session_id: bench.sessionId, uri });
    const load = async () => {
      const found = await get<FileContent>(`/lsp-fs?${query}`);
      const language = await languageOf(found.path).catch(() => []);
      const served = serverLanguage(found.path);
      const lsp = served && (await import("./lsp/servers").catch(() => null)); // an older page than the server: not served then
      const server = lsp && served && found.content.length < SERVED ? lsp.serveLibrary(bench, uri, served) : [];
      if (left || !place.current) return;
      const doc = found.content;
      const top = doc.split("\n", 400);
      const moved = EditorView.updateListener.of(({ view, selectionSet, focusChanged }) => {
        if (view.hasFocus && (selectionSet || focusChanged)) cursor.set({ view, path: uri, document: null });
      });
      const readOnly = EditorState.readOnly.of(true);
      const extensions = [server, chosen(top), basics, complaining(bench), language, readOnly, moved];
      const label = EditorView.contentAttributes.of({ "aria-label": found.path, "aria-readonly": "true" });
      made = new EditorView({ parent: place.current, doc, extensions: [...extensions, label] });
      leave = stay(bench, uri, made);
      setView(made);
    };
    load().catch((error: Refused) => left || setFailure(error.message));
    return () => {
      left = true;
      leave?.();
      if (made && cursor.get()?.view === made) cursor.set(null);
      made?.destroy();
      setView(null);
    };
  }, [bench, uri, tries]);

  useEffect(() => {
    if (!visible || !focused) return;
    cursor.set(view && { view, path: uri, document: null });
    view?.focus();
  }, [view, visible, focused, uri]);
  useEffect(() => {
    if (!view || !visible || !focused || goal?.path !== uri) return;
    reach(view, goal);
    bench.goal.set((now) => (now === goal ? null : now)); // another may have come meanwhile
  }, [bench, goal, view, visible, focused, uri]);

  return (
    <div className="editor" style={{ "--code-size": `${size}px` } as React.CSSProperties}>
      {failure ? (
        <Notice text={failure}>
          <Button onClick={() => setTries((n) => n + 1)}>Try again</Button>
        </Notice>
      ) : (
        <Notice kind="info" text="A library’s file, only read here.">
          <span className="where" title={at}>
            <bdi>{at}</bdi>
          </span>
        </Notice>
      )}
      <div className="code" ref={place} />
    </div>
  );
}
