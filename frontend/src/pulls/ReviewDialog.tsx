// Sending a review: a verdict, a summary, and the comments that wait for it.
import { useState } from "react";
import { useMe } from "../me";
import { Button, Dialog, Notice } from "../parts/controls";
import { useKept } from "../parts/useKept";
import { useStore } from "../shell/store";
import { plural } from "../source/words";
import type { Desk } from "./desk";
import { DraftBox, type May, placeWords } from "./Thread";
import type { Verdict } from "./types";
import { Writer } from "./Writer";

const VERDICTS: [Verdict, string, string][] = [
  ["comment", "Comment", "Say something without a decision."],
  ["approve", "Approve", "It can be merged as it is."],
  ["request_changes", "Request changes", "It must not be merged before these are made."],
];

export function ReviewDialog({ desk, may, onClose }: { desk: Desk; may: May; onClose: () => void }) {
  const me = useMe();
  const { pull } = useStore(desk.state);
  const drafts = useStore(desk.drafts);
  const trouble = useStore(desk.trouble);
  const busy = useStore(desk.busy);
  const [verdict, setVerdict] = useState<Verdict>("comment");
  const [body, setBody] = useKept(`summary.${desk.at}`);
  const own = pull?.author.id === me.user.id;
  const alive = pull?.state === "open" || pull?.state === "draft";
  const choices = VERDICTS.filter(([one]) => one === "comment" || (may.write && alive && !own));
  const empty = verdict !== "approve" && !body.trim() && drafts.length === 0;
  const send = async () => {
    if (empty || !(await desk.review(verdict, body))) return;
    setBody("");
    onClose();
  };
  return (
    <Dialog title="Your review" wide onClose={onClose} onSubmit={send}>
      <Writer label="Summary" value={body} onChange={setBody} onSend={send} autoFocus />
      {choices.map(([value, title, text]) => (
        <label className="option" key={value}>
          <input type="radio" name="verdict" checked={verdict === value} onChange={() => setVerdict(value)} />
          <span>
            <strong>{title}</strong>
            <small className="soft">{text}</small>
          </span>
        </label>
      ))}
      {own && <p className="soft">It is yours: others approve it.</p>}
      {drafts.length > 0 && (
        <details>
          <summary>{plural(drafts.length, "comment")} that will be sent with it</summary>
          {drafts.map((draft) => (
            <div key={draft.id}>
              <p className="soft">{placeWords(draft.at)}</p>
              <DraftBox desk={desk} draft={draft} />
            </div>
          ))}
        </details>
      )}
      <Notice text={trouble} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main" disabled={busy || empty}>
          Send the review
        </Button>
      </div>
    </Dialog>
  );
}
