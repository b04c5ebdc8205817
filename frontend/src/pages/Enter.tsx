// Signing in, signing up with an invitation, and the first account by the one-time link.
import { type FormEvent, useState } from "react";
import { type Me, post, type Refused } from "../api";
import { Button, Field, Notice } from "../parts/controls";
import { go } from "../router";

export function Enter({ path, onEnter }: { path: string; onEnter: (me: Me) => void }) {
  const query = new URLSearchParams(location.search);
  const token = query.get("token");
  const invitation = query.get("invitation");
  const first = path === "/setup";
  const fresh = first || path === "/register";
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(event.currentTarget)) as Record<string, string>;
    const call = first
      ? post<Me>("/auth/setup", { ...values, token: token ?? "" })
      : fresh
        ? post<Me>("/auth/register", { ...values, ...(invitation ? { invitation } : {}) })
        : post<Me>("/auth/login", values);
    setBusy(true);
    call.then(
      (me) => {
        onEnter(me);
        go("/");
      },
      (error: Refused) => {
        setBusy(false);
        setFailure(error.message);
      },
    );
  };

  return (
    <main className="centre">
      <form className="card" onSubmit={submit}>
        <h1 className="brand">Codeyard</h1>
        <p className="lead">
          {first
            ? "Create the first account of this server."
            : fresh
              ? "Create your account."
              : "Sign in to your workspaces."}
        </p>
        {fresh && <Field label="Name" name="name" autoComplete="name" required autoFocus />}
        <Field label="E-mail" name="email" type="email" autoComplete="username" required autoFocus={!fresh} />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete={fresh ? "new-password" : "current-password"}
          minLength={fresh ? 8 : undefined}
          hint={fresh ? "At least 8 characters." : undefined}
          required
        />
        {fresh && !invitation && (
          <Field label="Organisation" name="organization" autoComplete="organization" required />
        )}
        <Notice text={failure} />
        <Button type="submit" kind="main" disabled={busy}>
          {fresh ? "Create account" : "Sign in"}
        </Button>
      </form>
    </main>
  );
}
