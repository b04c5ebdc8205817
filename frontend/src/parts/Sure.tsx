// “Are you sure?”: what will happen, the button that does it, and what went wrong if it did not.
import { type ReactNode, useState } from "react";
import { Button, Dialog, Field, Notice } from "./controls";

export function Sure({
  title,
  verb,
  kind = "danger",
  typed,
  act,
  onClose,
  children,
}: {
  title: string;
  verb: string;
  kind?: "danger" | "main";
  /** What must be typed before the button can be pressed. */
  typed?: string;
  /** Throws what the server refused. What follows when it worked is its own. */
  act: () => Promise<unknown>;
  onClose: () => void;
  children: ReactNode;
}) {
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const [given, setGiven] = useState("");
  const holds = typed === undefined || asShown(given) === asShown(typed);
  const submit = async () => {
    if (!holds) return;
    setBusy(true);
    try {
      await act();
    } catch (error) {
      setFailure((error as Error).message);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose} onSubmit={submit}>
      <p>{children}</p>
      {typed !== undefined && (
        <Field
          label={`Type ${typed} to confirm`}
          value={given}
          onChange={(event) => setGiven(event.target.value)}
          autoFocus
          autoComplete="off"
        />
      )}
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind={kind} disabled={busy || !holds} autoFocus={typed === undefined}>
          {verb}
        </Button>
      </div>
    </Dialog>
  );
}

/** A page shows spaces that follow one another as one. */
const asShown = (name: string) => name.trim().replace(/\s+/g, " ");
