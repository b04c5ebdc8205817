// Where a comment on lines is written: at once, or for the review that is sent as a whole.
import { useId } from "react";
import { Button } from "../parts/controls";
import { useStore } from "../shell/store";
import { type Desk, sent } from "./desk";
import { shownLines, suggesting } from "./patch";
import type { Place } from "./types";
import { Writer } from "./Writer";

/** `anchor` names the line beneath which it is written; it stays there when the lines are chosen anew. */
export type Writing = { at: Place; anchor: string; body: string };

export function LineWriter({
  desk,
  writing,
  onChange,
  onDone,
}: {
  desk: Desk;
  writing: Writing;
  onChange: (writing: Writing) => void;
  onDone: (kind: "sent" | "kept" | "left") => void;
}) {
  const { files, pull } = useStore(desk.state);
  const drafts = useStore(desk.drafts);
  const busy = useStore(desk.busy);
  const { at, body } = writing;
  const lines = at.side === "head" ? shownLines(files ?? [], at) : null;
  const alive = pull?.state === "open" || pull?.state === "draft";
  const send = async () => {
    if (body.trim() && (await desk.comment(sent(at, body)))) onDone("sent");
  };
  const between = (parts: Partial<Place>) => onChange({ ...writing, at: { ...at, ...parts } });
  return (
    <div className="thread composing">
      <div className="row line-choice">
        <LineNumber
          label="From line"
          value={at.start_line}
          onChange={(start_line) => between({ start_line, line: Math.max(start_line, at.line) })}
        />
        <LineNumber
          label="to line"
          value={at.line}
          onChange={(line) => between({ line, start_line: Math.min(line, at.start_line) })}
        />
        {at.side === "base" && <span className="soft">as they were</span>}
      </div>
      <Writer
        label="Comment"
        value={body}
        onChange={(text) => onChange({ ...writing, body: text })}
        onSend={send}
        onLeave={() => onDone("left")}
        autoFocus
        suggest={lines ? () => suggesting(lines) : undefined}
      />
      <div className="row end">
        <Button onClick={() => onDone("left")}>Cancel</Button>
        <Button disabled={busy || !body.trim()} onClick={send} title="Ctrl-Enter">
          Comment now
        </Button>
        {alive && (
          <Button kind="main" disabled={!body.trim()} onClick={() => onDone("kept")}>
            {drafts.length > 0 ? "Add to the review" : "Start a review"}
          </Button>
        )}
      </div>
    </div>
  );
}

function LineNumber({ label, value, onChange }: { label: string; value: number; onChange: (value: number) => void }) {
  const id = useId();
  return (
    <>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="number"
        min={1}
        value={value}
        onChange={(event) => event.target.valueAsNumber >= 1 && onChange(Math.floor(event.target.valueAsNumber))}
      />
    </>
  );
}
