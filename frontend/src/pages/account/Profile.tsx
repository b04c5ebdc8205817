// The account: name and address, password, second factor, the browsers that are signed in, and linked providers.
import { type ReactNode, useState } from "react";
import { call, post, type Refused } from "../../api";
import { useMe, useReload } from "../../me";
import { Button, Dialog, Field, Notice } from "../../parts/controls";
import { PageHead } from "../Frame";
import { useSaid } from "../load";
import { Factor } from "./Factor";
import { Identities } from "./Identities";
import { SignIns } from "./SignIns";

export default function Profile() {
  return (
    <>
      <PageHead title="Profile" lead="Your account on this server, in all of your organisations." />
      <Name />
      <Address />
      <Password />
      <Factor />
      <Identities />
      <SignIns />
    </>
  );
}

/** One thing of the account: what it is called, what it is now, and what can be done about it. */
export function Part({ title, now, children }: { title: string; now?: ReactNode; children?: ReactNode }) {
  return (
    <section className="page-part">
      <div className="row wrap">
        <span className="line-name">
          <h2>{title}</h2>
          {now}
        </span>
        {children}
      </div>
    </section>
  );
}

function Name() {
  const me = useMe();
  const reload = useReload();
  const [name, setName] = useState(me.user.name);
  const [home, setHome] = useState(me.user.default_organization_id ?? "");
  const [said, tell] = useSaid();
  const save = () =>
    tell(call("PUT", "/account/profile", { name, default_organization_id: home || null }).then(reload), "Saved.");
  return (
    <form
      className="narrow"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <Field
        label="Name"
        value={name}
        onChange={(event) => setName(event.target.value)}
        autoComplete="name"
        maxLength={200}
        required
      />
      {me.organizations.length > 1 && (
        <label className="field">
          Organisation after signing in
          <select value={home} onChange={(event) => setHome(event.target.value)}>
            <option value="">The first by name</option>
            {me.organizations.map((one) => (
              <option key={one.id} value={one.id}>
                {one.name}
              </option>
            ))}
          </select>
        </label>
      )}
      <Notice {...said} />
      <Button type="submit" kind="main">
        Save
      </Button>
    </form>
  );
}

function Address() {
  const { user } = useMe();
  const [asked, setAsked] = useState(false);
  const [said, tell] = useSaid();
  const again = () =>
    tell(post("/auth/verify-email/send"), `A link was sent to ${user.email}. It works for three days.`);
  return (
    <>
      <Part
        title="E-mail"
        now={
          <>
            {user.email}{" "}
            <span className={user.email_verified ? "soft" : "warn"}>
              {user.email_verified ? "· confirmed" : "· not confirmed yet"}
            </span>
          </>
        }
      >
        {!user.email_verified && <Button onClick={again}>Send a link to confirm it</Button>}
        <Button onClick={() => setAsked(true)}>Change address</Button>
      </Part>
      <Notice {...said} />
      {asked && (
        <Form
          title="Change your e-mail address"
          action="Send the link"
          send={(values) => post("/account/email", values)}
          onClose={() => setAsked(false)}
          onDone={({ email }) => {
            setAsked(false);
            void tell(Promise.resolve(), `A link was sent to ${email}. The old address counts until it is opened.`);
          }}
        >
          <Field label="New e-mail" name="email" type="email" autoComplete="email" required autoFocus />
          <Field label="Your password" name="password" type="password" autoComplete="current-password" required />
        </Form>
      )}
    </>
  );
}

function Password() {
  const [asked, setAsked] = useState(false);
  const [said, setSaid] = useState("");
  return (
    <>
      <Part title="Password" now={<span className="soft">A change signs every other browser out.</span>}>
        <Button onClick={() => setAsked(true)}>Change password</Button>
      </Part>
      <Notice kind="info" text={said} />
      {asked && (
        <Form
          title="Change your password"
          action="Change"
          send={(values) => post("/auth/password", values)}
          onClose={() => setAsked(false)}
          onDone={() => {
            setAsked(false);
            setSaid("Changed. Every other browser was signed out.");
          }}
        >
          <Field
            label="Current password"
            name="current"
            type="password"
            autoComplete="current-password"
            required
            autoFocus
          />
          <Field
            label="New password"
            name="new"
            type="password"
            autoComplete="new-password"
            minLength={8}
            hint="At least 8 characters."
            required
          />
        </Form>
      )}
    </>
  );
}

/** A question whose fields are sent as they are named. */
export function Form<T>({
  title,
  action,
  danger = false,
  send,
  onClose,
  onDone,
  children,
}: {
  title: string;
  action: string;
  danger?: boolean;
  send: (values: Record<string, string>) => Promise<T>;
  onClose: () => void;
  onDone: (values: Record<string, string>, answer: T) => void;
  children: ReactNode;
}) {
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = (form: HTMLFormElement) => {
    const values = Object.fromEntries(new FormData(form)) as Record<string, string>;
    setBusy(true);
    send(values).then(
      (answer) => onDone(values, answer),
      (error: Refused) => {
        setBusy(false);
        setFailure(error.message);
      },
    );
  };
  return (
    <Dialog title={title} onClose={onClose} onSubmit={submit}>
      {children}
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind={danger ? "danger" : "main"} disabled={busy}>
          {action}
        </Button>
      </div>
    </Dialog>
  );
}
