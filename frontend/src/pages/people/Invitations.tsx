// Invitations: sent by e-mail, or passed on by hand as a link.
import { useState } from "react";
import { call, type Organization, type Page, post, type Refused, type Role } from "../../api";
import { Button, Dialog, Field, Notice } from "../../parts/controls";
import { Copied, When } from "../../parts/words";
import { useLoad } from "../load";
import { type Invitation, type NewInvitation, ROLE_WORDS } from "./types";

const linkOf = (made: NewInvitation) => `${location.origin}/register?invitation=${encodeURIComponent(made.invitation)}`;

export function Invitations({ organization }: { organization: Organization }) {
  const at = `/organizations/${organization.id}/invitations`;
  const { data, failure, load } = useLoad<Page<Invitation>>(at, /member\./);
  const [inviting, setInviting] = useState(false);
  const [made, setMade] = useState<NewInvitation | null>(null);
  const [refused, setRefused] = useState("");

  const act = (done: Promise<unknown>) => {
    setRefused("");
    done.catch((error: Refused) => setRefused(error.message)).then(load);
  };
  return (
    <section className="page-part">
      <div className="row">
        <h2>Invitations</h2>
        <span className="grow" />
        <Button kind="main" onClick={() => setInviting(true)}>
          Invite
        </Button>
      </div>
      <Notice text={refused || failure} />
      {data?.items.length === 0 && (
        <p className="soft">None is out. Whoever opens the link of one signs up, or in, and is a member.</p>
      )}
      <ul className="lines" aria-label="Invitations">
        {data?.items.map((row) => {
          const over = new Date(row.expires_at).getTime() < Date.now();
          return (
            <li key={row.id}>
              <span className="line-name">
                <strong>{row.email}</strong>
                <small className={over ? "warn" : "soft"}>
                  {ROLE_WORDS[row.role]} · {over ? "expired" : "until"} <When at={row.expires_at} />
                </small>
              </span>
              <Button
                aria-label={`Send again to ${row.email}`}
                onClick={() => act(post<NewInvitation>(`${at}/${row.id}/resend`).then(setMade))}
              >
                Send again
              </Button>
              <Button
                kind="quiet"
                aria-label={`Withdraw the invitation of ${row.email}`}
                onClick={() => act(call("DELETE", `${at}/${row.id}`))}
              >
                Withdraw
              </Button>
            </li>
          );
        })}
      </ul>
      {inviting && (
        <Invite
          organization={organization}
          onClose={() => setInviting(false)}
          onMade={(invitation) => {
            setInviting(false);
            setMade(invitation);
            void load();
          }}
        />
      )}
      {made && (
        <Dialog title={`Invitation for ${made.email}`} onClose={() => setMade(null)} onSubmit={() => setMade(null)}>
          <p>
            {made.mailed
              ? "It is on its way by e-mail. This is its link, if you want to pass it on yourself:"
              : "This server sends no e-mail: pass the link on yourself. It is shown only now."}
          </p>
          <Copied label="Link of the invitation" text={linkOf(made)} />
          <p className="soft">
            It lets {made.email} join once, as {ROLE_WORDS[made.role].toLowerCase()}, until{" "}
            <When at={made.expires_at} />. Older links of this invitation no longer work.
          </p>
          <div className="row end">
            <Button type="submit" kind="main">
              Done
            </Button>
          </div>
        </Dialog>
      )}
    </section>
  );
}

function Invite({
  organization,
  onClose,
  onMade,
}: {
  organization: Organization;
  onClose: () => void;
  onMade: (made: NewInvitation) => void;
}) {
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("member");
  const [days, setDays] = useState(7);
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const send = () => {
    setBusy(true);
    post<NewInvitation>(`/organizations/${organization.id}/invitations`, { email, role, days }).then(
      onMade,
      (error: Refused) => {
        setBusy(false);
        setFailure(error.message);
      },
    );
  };
  return (
    <Dialog title={`Invite to ${organization.name}`} onClose={onClose} onSubmit={send}>
      <Field
        label="E-mail"
        type="email"
        value={email}
        onChange={(event) => setEmail(event.target.value)}
        required
        autoFocus
      />
      <label className="field">
        Role
        <select value={role} onChange={(event) => setRole(event.target.value as Role)}>
          {Object.entries(ROLE_WORDS)
            .filter(([one]) => organization.role === "owner" || one !== "owner")
            .map(([one, words]) => (
              <option key={one} value={one}>
                {words}
              </option>
            ))}
        </select>
      </label>
      <label className="field">
        Valid for
        <select value={days} onChange={(event) => setDays(Number(event.target.value))}>
          {[1, 7, 30, 90].map((one) => (
            <option key={one} value={one}>
              {one === 1 ? "1 day" : `${one} days`}
            </option>
          ))}
        </select>
      </label>
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main" disabled={busy}>
          Invite
        </Button>
      </div>
    </Dialog>
  );
}
