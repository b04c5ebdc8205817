// Small things that many pages say: when something was, and what is to be copied.
import { useState } from "react";
import { ago, inFull } from "../source/words";
import { Button } from "./controls";

/** How long ago, the time itself on pointing at it. */
export function When({ at, never = "never" }: { at: string | null; never?: string }) {
  if (!at) return <>{never}</>;
  return (
    <time dateTime={at} title={inFull(at)}>
      {new Date(at).getTime() > Date.now() ? inFull(at) : ago(at)}
    </time>
  );
}

/** A secret or a link that is shown to be taken along. */
export function Copied({ label, text }: { label: string; text: string }) {
  const [done, setDone] = useState(false);
  const copy = () =>
    navigator.clipboard?.writeText(text).then(
      () => setDone(true),
      () => undefined,
    );
  return (
    <div className="copied">
      <input
        readOnly
        aria-label={label}
        value={text}
        onFocus={(event) => event.target.select()}
        spellCheck={false}
        autoComplete="off"
      />
      {/* over plain HTTP from elsewhere browsers have no clipboard: the text is selected on focus */}
      {navigator.clipboard && (
        <Button onClick={copy} aria-live="polite">
          {done ? "Copied" : "Copy"}
        </Button>
      )}
    </div>
  );
}
