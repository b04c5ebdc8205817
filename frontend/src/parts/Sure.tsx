// “Are you sure?”: what will happen, the button that does it, and what went wrong if it did not.
import { type ReactNode, useState } from "react";
import { Button, Dialog, Notice } from "./controls";

export function Sure({
  title,
  verb,
  kind = "danger",
  act,
  onClose,
  children,
}: {
  title: string;
  verb: string;
  kind?: "danger" | "main";
  /** Throws what the server refused. What follows when it worked is its own. */
  act: () => Promise<unknown>;
  onClose: () => void;
  children: ReactNode;
}) {
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async () => {
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
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind={kind} disabled={busy}>
          {verb}
        </Button>
      </div>
    </Dialog>
  );
}
