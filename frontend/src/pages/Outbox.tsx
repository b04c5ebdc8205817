// E-mail as this server wrote it: where it has no mail server, its owner passes the links on.
import type { Page } from "../api";
import { Button, Notice } from "../parts/controls";
import { When } from "../parts/words";
import { PageHead } from "./Frame";
import { useLoad } from "./load";

type Mail = {
  id: string;
  recipient: string;
  subject: string;
  text: string;
  error: string;
  created_at: string;
  sent_at: string | null;
  link_over: boolean;
};

export default function Outbox() {
  const { data, failure, load } = useLoad<Page<Mail>>("/mail/outbox", /member\./);
  return (
    <>
      <PageHead
        title="Outbox"
        lead={
          <>
            The newest messages of this server. Without <code>CODEYARD_SMTP_URL</code> they stay here, and you pass
            their links on; once sent, only who got what remains. Kept for 30 days.
          </>
        }
      >
        <Button onClick={() => void load()}>Refresh</Button>
      </PageHead>
      <Notice text={failure} />
      {data?.items.length === 0 && <p className="soft empty">Nothing was written yet.</p>}
      <ul className="lines" aria-label="Messages">
        {data?.items.map((row) => (
          <li key={row.id}>
            <span className="line-name">
              <strong>{row.subject}</strong>
              <small className="soft">
                to {row.recipient} · <When at={row.created_at} /> ·{" "}
                {row.sent_at ? (
                  "sent"
                ) : row.error ? (
                  <span className="warn">not sent yet: {row.error}</span>
                ) : (
                  "not sent"
                )}
                {row.link_over && (
                  <>
                    {" "}
                    · <span className="warn">its link is over</span>
                  </>
                )}
              </small>
              {row.text && <pre className="mail">{row.text}</pre>}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}
