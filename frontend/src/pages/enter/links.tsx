// The links about an address and a password: asking for one, and what it opens.
import { type FormEvent, useState } from "react";
import { post, type Refused } from "../../api";
import { useReload } from "../../me";
import { Button, Field, Notice } from "../../parts/controls";
import { Link } from "../../parts/Link";
import { Card, type EnterProps } from "./Enter";

const OVER = "It was used, has expired, or a newer one was sent.";

/** Sends a form's one field; says what came of it. */
function useSending(send: (value: string) => Promise<unknown>) {
  const [state, setState] = useState<{ refused?: Refused; busy?: true; done?: string }>({});
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const value = String([...new FormData(event.currentTarget).values()][0] ?? "");
    setState({ busy: true });
    send(value).then(
      () => setState({ done: value }),
      (refused: Refused) => setState({ refused }),
    );
  };
  return { ...state, submit };
}

const Back = ({ words = "Back to signing in" }: { words?: string }) => (
  <p className="below">
    <Link className="link" to="/sign-in">
      {words}
    </Link>
  </p>
);

export function ForgotPassword() {
  const { refused, busy, done, submit } = useSending((email) => post("/auth/reset-password/send", { email }));
  if (done !== undefined)
    return (
      <Card lead="Look into your mail.">
        <p>
          If there is an account for {done}, a link to set a new password was sent to it. It works for an hour, once.
          Where this server sends no e-mail, its owner finds the link in the outbox.
        </p>
        <Back />
      </Card>
    );
  return (
    <Card lead="Set a new password by a link in your mail.">
      <form onSubmit={submit}>
        <Field label="E-mail" name="email" type="email" autoComplete="username" required autoFocus />
        <Notice text={refused?.message ?? ""} />
        <Button type="submit" kind="main" className="whole" disabled={busy}>
          Send the link
        </Button>
      </form>
      <Back />
    </Card>
  );
}

export function ResetPassword({ token, onEnter }: EnterProps & { token: string }) {
  const { refused, busy, done, submit } = useSending((password) =>
    post("/auth/reset-password", { token, password }).then(() => onEnter(null)),
  );
  if (done !== undefined)
    return (
      <Card lead="Your new password is set.">
        <p>Every browser was signed out, so that nobody stays in with the old one.</p>
        <Link className="button main" to="/sign-in">
          Sign in
        </Link>
      </Card>
    );
  if (!token || refused?.code === "invalid_link")
    return (
      <Card lead="That link does not work any more.">
        <Notice text={OVER} />
        <Link className="button main" to="/forgot-password">
          Send a new one
        </Link>
        <Back />
      </Card>
    );
  return (
    <Card lead="Choose a new password.">
      <form onSubmit={submit}>
        <Field
          label="New password"
          name="password"
          type="password"
          autoComplete="new-password"
          minLength={8}
          hint="At least 8 characters. Every browser is signed out."
          required
          autoFocus
        />
        <Notice text={refused?.message ?? ""} />
        <Button type="submit" kind="main" className="whole" disabled={busy}>
          Set the password
        </Button>
      </form>
    </Card>
  );
}

export function ConfirmAddress({ token, me }: EnterProps & { token: string }) {
  const reload = useReload();
  const { refused, busy, done, submit } = useSending(() =>
    post("/auth/verify-email", { token }).then(() => me && reload()),
  );
  const onwards = (
    <Link className="button main" to={me ? "/" : "/sign-in"}>
      {me ? "To your workspaces" : "Sign in"}
    </Link>
  );
  if (done !== undefined)
    return (
      <Card lead="Thank you: the address is confirmed.">
        <p>It is the one that you sign in with.</p>
        {onwards}
      </Card>
    );
  if (!token || refused?.code === "invalid_link")
    return (
      <Card lead="That link does not work any more.">
        <Notice text={`${OVER} Your profile sends you a new one.`} />
        {onwards}
      </Card>
    );
  return (
    <Card lead="Say that this e-mail address is yours.">
      <form onSubmit={submit}>
        <Notice text={refused?.message ?? ""} />
        <Button type="submit" kind="main" className="whole" disabled={busy} autoFocus>
          Confirm the address
        </Button>
      </form>
    </Card>
  );
}
