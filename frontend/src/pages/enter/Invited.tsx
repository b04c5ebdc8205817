// An invitation's link: signs up, or takes it with the account that one has.
import { useCallback, useEffect, useState } from "react";
import { type Me, post, type Refused, type Role } from "../../api";
import { signOut, useReload } from "../../me";
import { Button, Notice } from "../../parts/controls";
import { Link } from "../../parts/Link";
import { When } from "../../parts/words";
import { go } from "../../router";
import { pathOf } from "../places";
import { Card, type EnterProps } from "./Enter";
import { NewAccount } from "./Register";
import { Providers, useWaysIn } from "./SignIn";

type Shown = { organization: string; email: string; role: Role; expires_at: string };

export function Invited({ code, me, onEnter }: EnterProps & { code: string }) {
  const [shown, setShown] = useState<Shown | null>(null);
  const [refused, setRefused] = useState<Refused | null>(null);
  const [failure, setFailure] = useState("");
  const ways = useWaysIn();
  const look = useCallback(() => {
    setRefused(null);
    post<Shown>("/auth/invitation", { invitation: code }).then(setShown, setRefused);
  }, [code]);
  useEffect(look, [look]);

  if (refused && (refused.status === 0 || refused.status === 429 || refused.status >= 500))
    return (
      <Card lead="You are invited.">
        <Notice text={refused.message} />
        <Button onClick={look}>Try again</Button>
      </Card>
    );
  if (refused?.code === "invitation_used") return <Used refused={refused} me={me} />;
  if (!shown)
    return refused ? (
      <Card lead="This invitation cannot be taken any more.">
        <Notice text="It was withdrawn, sent again with a newer link, or is over. Ask whoever invited you to send it again." />
        <Link className="button" to={me ? "/" : "/sign-in"}>
          {me ? "All workspaces" : "Sign in"}
        </Link>
      </Card>
    ) : (
      <main className="centre" aria-busy="true" />
    );
  if (me) return <Taking code={code} shown={shown} me={me} onEnter={onEnter} />;
  return (
    <Card
      lead={
        <>
          You are invited to <strong>{shown.organization}</strong> as {shown.role}, until <When at={shown.expires_at} />
          .
        </>
      }
    >
      <NewAccount path="/auth/register" more={{ invitation: code }} email={shown.email} onEnter={onEnter} />
      <Notice text={failure} />
      <Providers ways={ways} invitation={code} onFailure={setFailure} />
      <p className="below">
        <Link className="link" to={`/sign-in?invitation=${encodeURIComponent(code)}`}>
          I have an account: sign in
        </Link>
      </p>
    </Card>
  );
}

/** Its link opened again: by who joined, as a rule. */
function Used({ refused, me }: { refused: Refused; me: Me | null }) {
  const joined = me?.organizations.find((one) => one.id === refused.details.organization_id);
  if (joined)
    return (
      <Card lead={`You have joined ${joined.name} already.`}>
        <Link className="button main" to={pathOf(joined)}>
          Open {joined.name}
        </Link>
      </Card>
    );
  return (
    <Card lead={`Somebody has joined ${refused.details.organization} by this invitation already.`}>
      <Notice
        kind="info"
        text="If it was you, sign in with that account. Else ask whoever invited you for an invitation of your own."
      />
      <Link className="button" to={me ? "/" : "/sign-in"}>
        {me ? "All workspaces" : "Sign in"}
      </Link>
    </Card>
  );
}

function Taking({ code, shown, me, onEnter }: { code: string; shown: Shown; me: Me; onEnter: EnterProps["onEnter"] }) {
  const reload = useReload();
  const [failure, setFailure] = useState("");
  const theirs = me.user.email === shown.email;
  const take = async () => {
    try {
      await post("/auth/accept-invitation", { invitation: code });
      const before = new Set(me.organizations.map((one) => one.id));
      const joined = (await reload())?.organizations.find((one) => !before.has(one.id));
      go(joined ? pathOf(joined) : "/");
    } catch (error) {
      setFailure((error as Error).message);
    }
  };
  const leave = () =>
    signOut().then(
      () => onEnter(null),
      (refused: Refused) => setFailure(refused.message),
    );
  return (
    <Card
      lead={
        <>
          {shown.email} is invited to <strong>{shown.organization}</strong> as {shown.role}.
        </>
      }
    >
      {theirs ? (
        <Button kind="main" onClick={take} autoFocus>
          Join {shown.organization}
        </Button>
      ) : (
        <>
          <Notice
            kind="info"
            text={`You are signed in as ${me.user.email}. Sign out and open the link again, or ask for an invitation to this address.`}
          />
          <Button onClick={leave}>Sign out</Button>
        </>
      )}
      <Notice text={failure} />
      <p className="below">
        <Link className="link" to="/">
          Not now
        </Link>
      </p>
    </Card>
  );
}
