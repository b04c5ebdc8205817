// Another session's volumes for this one's, so that a fork begins with its parent's database.
import { useState } from "react";
import { post, type Refused, type Session } from "../api";
import { Button, Dialog, Notice } from "../parts/controls";

type Props = { session: Session; others: Session[]; onClose: () => void };

export function CopyData({ session, others, onClose }: Props) {
  const parent = others.find((one) => one.id === session.parent_session_id);
  const [from, setFrom] = useState((parent ?? others[0])?.id ?? "");
  const [failure, setFailure] = useState("");
  const [copied, setCopied] = useState<string[] | null>(null);
  const [busy, setBusy] = useState(false);
  const copy = () => {
    if (copied) return onClose();
    setBusy(true);
    setFailure("");
    post<{ volumes: string[] }>(`/workspace/${session.id}/volumes/copy`, { from_session_id: from })
      .then(
        ({ volumes }) => setCopied(volumes),
        (error: Refused) => setFailure(error.message),
      )
      .finally(() => setBusy(false));
  };
  return (
    <Dialog title="Copy another session's data" onClose={onClose} onSubmit={copy}>
      <p>
        This session's volumes, its databases' content among them, are replaced by a copy of the other's as they are at
        this moment. What runs there goes on.
      </p>
      <label className="field">
        From
        <select value={from} onChange={(event) => setFrom(event.target.value)} disabled={copied !== null}>
          {others.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name}
            </option>
          ))}
        </select>
      </label>
      <Notice text={failure} />
      {copied && (
        <Notice
          kind="info"
          text={copied.length > 0 ? `Copied: ${copied.join(", ")}.` : "That session has no volumes yet."}
        />
      )}
      <div className="row end">
        {!copied && <Button onClick={onClose}>Cancel</Button>}
        <Button type="submit" kind={copied ? "plain" : "main"} disabled={busy || !from}>
          {copied ? "Close" : busy ? "Copying…" : "Copy"}
        </Button>
      </div>
    </Dialog>
  );
}
