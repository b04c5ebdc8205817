// Two texts that both want to be the file: theirs at the left, one's own at the right, each difference taken by a click.
import { MergeView } from "@codemirror/merge";
import { EditorState, type Text } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { useEffect, useRef } from "react";
import type { TextDocument } from "./documents";
import { languageOf } from "./languages";
import { basics } from "./look";
import { painted } from "./painted";

export default function Conflict({ document, theirs }: { document: TextDocument; theirs: Text }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let merge: MergeView | undefined;
    let left = false;
    void languageOf(document.path).then((language) => {
      if (left || !place.current) return;
      const wrapped = EditorView.lineWrapping; // both sides are read whole where there is little room
      const fixed = [EditorState.readOnly.of(true), EditorView.editable.of(false)];
      const own = EditorView.updateListener.of((update) => {
        if (update.docChanged) document.changed(null, update.changes, update.state.doc);
      });
      const named = (label: string) => EditorView.contentAttributes.of({ "aria-label": `${document.path}, ${label}` });
      merge = new MergeView({
        parent: place.current,
        a: { doc: theirs, extensions: [lineNumbers(), wrapped, painted, language, fixed, named("theirs")] },
        b: { doc: document.text, extensions: [lineNumbers(), wrapped, basics, language, own, named("yours")] },
        revertControls: "a-to-b",
        renderRevertControl: () => {
          const button = window.document.createElement("button");
          button.type = "button";
          button.textContent = "→";
          button.title = "Take theirs here";
          button.setAttribute("aria-label", "Take theirs here");
          return button;
        },
        collapseUnchanged: { margin: 3, minSize: 6 },
      });
    });
    return () => {
      left = true;
      merge?.destroy();
    };
  }, [document, theirs]);
  return <div className="merge" ref={place} />;
}
