// What people say about a pull request, and where they write it, with a look at how it comes out.
import { useContext, useState } from "react";
import { Button } from "../parts/controls";
import { Markdown, MarkdownField } from "../parts/Markdown";
import { Segments } from "../source/Segments";
import { NamedContext } from "./room";

export const Words = ({ text }: { text: string }) =>
  text.trim() ? (
    <div className="said">
      <Markdown text={text} />
    </div>
  ) : null;

const MODES = [
  ["write", "Write"],
  ["preview", "Preview"],
] as const;

/** Ctrl-Enter sends, Escape leaves what is empty. */
export function Writer({
  label,
  value,
  onChange,
  suggest,
  ...rest
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  onSend?: () => void;
  onLeave?: () => void;
  rows?: number;
  autoFocus?: boolean;
  suggest?: () => string; // Markdown that suggests the lines as they are
}) {
  const named = useContext(NamedContext);
  const [mode, setMode] = useState<"write" | "preview">("write");
  const add = (text: string) => {
    onChange(`${value}${value && !value.endsWith("\n") ? "\n" : ""}${text}`);
    setMode("write");
  };
  return (
    <div className="writer">
      <div className="row">
        {suggest && (
          <Button kind="quiet" onClick={() => add(suggest())}>
            Suggest a change
          </Button>
        )}
        <Segments label="Write or preview" choices={MODES} value={mode} onChoose={setMode} />
      </div>
      <div hidden={mode === "preview"}>
        <MarkdownField label={label} value={value} named={named} onChange={onChange} rows={4} {...rest} />
      </div>
      {mode === "preview" && (value.trim() ? <Words text={value} /> : <p className="soft said">Nothing written.</p>)}
    </div>
  );
}
