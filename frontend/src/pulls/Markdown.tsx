// What people write about a pull request, as a page: Markdown made harmless. It loads nothing and links open elsewhere.
import { useId, useMemo, useRef, useState } from "react";
import { Button } from "../parts/controls";
import { pageOf } from "../parts/Markdown";
import { Segments } from "../source/Segments";

export function Markdown({ text }: { text: string }) {
  const html = useMemo(() => ({ __html: pageOf(text) }), [text]);
  if (!text.trim()) return null;
  // biome-ignore lint/security/noDangerouslySetInnerHtml: made harmless above
  return <div className="said words" dangerouslySetInnerHTML={html} />;
}

const MODES = [
  ["write", "Write"],
  ["preview", "Preview"],
] as const;

/** Where one writes Markdown, with a look at how it comes out. Ctrl-Enter sends, Escape leaves. */
export function Writer({
  label,
  value,
  onChange,
  onSend,
  onLeave,
  rows = 4,
  autoFocus = false,
  suggest,
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
  const [mode, setMode] = useState<"write" | "preview">("write");
  const id = useId();
  const box = useRef<HTMLTextAreaElement>(null);
  return (
    <div className="writer">
      <div className="row">
        <label htmlFor={id}>{label}</label>
        <span className="grow" />
        {suggest && (
          <Button
            kind="quiet"
            onClick={() => {
              onChange(`${value}${value && !value.endsWith("\n") ? "\n" : ""}${suggest()}`);
              setMode("write");
              box.current?.focus();
            }}
          >
            Suggest a change
          </Button>
        )}
        <Segments label="Write or preview" choices={MODES} value={mode} onChoose={setMode} />
      </div>
      <textarea
        id={id}
        ref={box}
        hidden={mode === "preview"}
        rows={rows}
        value={value}
        maxLength={65_536}
        // biome-ignore lint/a11y/noAutofocus: whoever asked to write wants to type
        autoFocus={autoFocus}
        placeholder="Markdown. @address mentions somebody."
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) onSend?.();
          else if (event.key === "Escape" && !value) onLeave?.();
          else return;
          event.preventDefault();
          event.stopPropagation();
        }}
      />
      {mode === "preview" && (value.trim() ? <Markdown text={value} /> : <p className="soft said">Nothing written.</p>)}
    </div>
  );
}
