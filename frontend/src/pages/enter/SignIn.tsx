// Signing in: by password, a second factor where there is one, or by a provider.
import { type FormEvent, useEffect, useState } from "react";
import { get, type Me, type Page, post, type Refused } from "../../api";
import { Button, Field, Notice } from "../../parts/controls";
import { Link } from "../../parts/Link";
import { Card, type EnterProps } from "./Enter";
import { wordsOf } from "./words";

type Login = { email: string; password: string };

export function SignIn({ error, invitation, onEnter }: EnterProps & { error: string; invitation: string }) {
  const [failure, setFailure] = useState(wordsOf(error));
  const [busy, setBusy] = useState(false);
  const [login, setLogin] = useState<Login | null>(null); // right, but a code is asked for
  const ways = useWaysIn();

  const enter = (body: Login & { code?: string }) => {
    setBusy(true);
    setFailure("");
    post<Me>("/auth/login", body).then(onEnter, (refused: Refused) => {
      setBusy(false);
      if (refused.code === "mfa_required") setLogin({ email: body.email, password: body.password });
      else setFailure(refused.message);
    });
  };
  if (login)
    return (
      <SecondStep
        busy={busy}
        failure={failure}
        onCode={(code) => enter({ ...login, code })}
        onOther={() => setFailure("")}
        onBack={() => {
          setLogin(null);
          setFailure("");
        }}
      />
    );
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    enter(Object.fromEntries(new FormData(event.currentTarget)) as Login);
  };
  return (
    <Card lead={invitation ? "Sign in to take the invitation." : "Sign in to your workspaces."}>
      <form onSubmit={submit}>
        <Field label="E-mail" name="email" type="email" autoComplete="username" required autoFocus />
        <Field label="Password" name="password" type="password" autoComplete="current-password" required />
        <Notice text={failure} />
        <Button type="submit" kind="main" className="whole" disabled={busy}>
          Sign in
        </Button>
      </form>
      <Providers ways={ways} invitation={invitation} onFailure={setFailure} />
      <p className="below">
        <Link className="link" to="/forgot-password">
          Forgot your password?
        </Link>
      </p>
      {ways.registration && !invitation && (
        <p className="below">
          <Link className="link" to="/register">
            Create an account
          </Link>
        </p>
      )}
    </Card>
  );
}

function SecondStep({
  busy,
  failure,
  onCode,
  onOther,
  onBack,
}: {
  busy: boolean;
  failure: string;
  onCode: (code: string) => void;
  onOther: () => void; // another kind of code is to be given
  onBack: () => void;
}) {
  const [recovery, setRecovery] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    onCode(String(new FormData(event.currentTarget).get("code")));
  };
  return (
    <Card lead="One more step: your account has a second factor.">
      <form onSubmit={submit}>
        <Field
          key={String(recovery)}
          label={recovery ? "Recovery code" : "Code"}
          name="code"
          hint={
            recovery
              ? "One of those that you kept. It works once."
              : "The six digits that your authenticator app shows."
          }
          inputMode={recovery ? "text" : "numeric"}
          autoComplete={recovery ? "off" : "one-time-code"}
          maxLength={20}
          required
          autoFocus
        />
        <Notice text={failure} />
        <Button type="submit" kind="main" className="whole" disabled={busy}>
          Sign in
        </Button>
      </form>
      <p className="below row wrap">
        <Button
          kind="quiet"
          onClick={() => {
            setRecovery(!recovery);
            onOther();
          }}
        >
          {recovery ? "Use the app" : "Use a recovery code"}
        </Button>
        <Button kind="quiet" onClick={onBack}>
          Back
        </Button>
      </p>
    </Card>
  );
}

type Provider = { name: string; label: string };
type WaysIn = Page<Provider> & { registration?: boolean }; // undefined until it is known

const BY_PASSWORD: WaysIn = { items: [], next_cursor: null };

export function useWaysIn(): WaysIn {
  const [found, setFound] = useState(BY_PASSWORD);
  useEffect(() => {
    get<WaysIn>("/auth/providers").then(setFound, () => undefined); // the password works without them
  }, []);
  return found;
}

/** A button for each provider that the settings name; nothing where they name none. */
export function Providers({
  ways: { items: rows },
  invitation,
  onFailure,
}: {
  ways: WaysIn;
  invitation: string;
  onFailure: (words: string) => void;
}) {
  if (rows.length === 0) return null;
  const leave = (name: string) =>
    post<{ url: string }>(`/auth/providers/${name}/start`, invitation ? { invitation } : {}).then(
      ({ url }) => location.assign(url),
      (refused: Refused) => onFailure(refused.message),
    );
  return (
    <section className="others" aria-label="Other ways to sign in">
      <span className="soft">or</span>
      {rows.map((row) => (
        <Button key={row.name} className="whole" onClick={() => leave(row.name)}>
          Continue with {row.label}
        </Button>
      ))}
    </section>
  );
}
