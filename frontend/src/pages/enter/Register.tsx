// A new account: the first one by the one-time link, one by an invitation, or where sign-up is open.
import { type FormEvent, useEffect, useState } from "react";
import { type Me, post, type Refused } from "../../api";
import { Button, Field, Notice } from "../../parts/controls";
import { Link } from "../../parts/Link";
import { Card, type EnterProps } from "./Enter";
import { useWaysIn } from "./SignIn";

export function Setup({ token, onEnter }: EnterProps & { token: string }) {
  const [over, setOver] = useState<string>(); // undefined until it is known, empty where the link holds
  useEffect(() => {
    post("/auth/setup/check", { token }).then(
      () => setOver(""),
      (refused: Refused) => setOver(refused.status === 404 ? refused.message : ""),
    );
  }, [token]);
  if (over === undefined) return <main className="centre" aria-busy="true" />;
  if (over)
    return (
      <Card lead="That link does not work any more.">
        <Notice kind="info" text={over} />
        <Link className="button" to="/sign-in">
          Sign in
        </Link>
      </Card>
    );
  return (
    <Card lead="Create the first account of this server.">
      <NewAccount path="/auth/setup" more={{ token }} withOrganization onEnter={onEnter} />
    </Card>
  );
}

export function Register({ onEnter }: EnterProps) {
  if (useWaysIn().registration === false)
    return (
      <Card lead="Sign-up is closed here.">
        <Notice kind="info" text="Ask a member of the organisation for an invitation: its link opens an account." />
        <Link className="button" to="/sign-in">
          Sign in
        </Link>
      </Card>
    );
  return (
    <Card lead="Create your account.">
      <NewAccount path="/auth/register" more={{}} withOrganization onEnter={onEnter} />
      <p className="below">
        <Link className="link" to="/sign-in">
          Sign in with the one you have
        </Link>
      </p>
    </Card>
  );
}

export function NewAccount({
  path,
  more,
  email,
  withOrganization = false,
  onEnter,
}: {
  path: string;
  more: Record<string, string>;
  email?: string;
  withOrganization?: boolean;
  onEnter: (me: Me) => void;
}) {
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setBusy(true);
    post<Me>(path, { ...Object.fromEntries(new FormData(event.currentTarget)), ...more }).then(
      onEnter,
      (refused: Refused) => {
        setBusy(false);
        setFailure(refused.message);
      },
    );
  };
  return (
    <form onSubmit={submit}>
      <Field label="Name" name="name" autoComplete="name" maxLength={200} required autoFocus />
      <Field
        label="E-mail"
        name="email"
        type="email"
        autoComplete="username"
        defaultValue={email}
        readOnly={email !== undefined}
        hint={email === undefined ? undefined : "The invitation is for this address."}
        required
      />
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete="new-password"
        minLength={8}
        hint="At least 8 characters."
        required
      />
      {withOrganization && <Field label="Organisation" name="organization" autoComplete="organization" required />}
      <Notice text={failure} />
      <Button type="submit" kind="main" className="whole" disabled={busy}>
        Create account
      </Button>
    </form>
  );
}
