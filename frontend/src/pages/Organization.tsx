// The organisation itself: its name, how people sign in to this server, and its end.
import { useState } from "react";
import { call, type Page, type Organization as Row } from "../api";
import { useMe, useReload } from "../me";
import { Button, Dialog, Field, Notice } from "../parts/controls";
import { Link } from "../parts/Link";
import { Sure } from "../parts/Sure";
import { Copied } from "../parts/words";
import { go } from "../router";
import { Deleted } from "./Deleted";
import { PageHead } from "./Frame";
import { useLoad, useSaid } from "./load";
import type { PageProps } from "./places";

export default function Organization({ organization }: PageProps) {
  const me = useMe();
  return (
    <>
      <PageHead title="Organisation" />
      <Name organization={organization} />
      {me.user.owns_installation && <ThisServer />}
      <Deleted />
      {organization.role === "owner" && <End organization={organization} />}
    </>
  );
}

function Name({ organization }: { organization: Row }) {
  const reload = useReload();
  const [name, setName] = useState(organization.name);
  const [said, tell] = useSaid();
  const save = () => tell(call("PUT", `/organizations/${organization.id}`, { name }).then(reload), "Saved.");
  return (
    <form
      className="narrow page-part"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <Field
        label="Name"
        value={name}
        onChange={(event) => setName(event.target.value)}
        hint={`Its address stays /o/${organization.slug}.`}
        maxLength={200}
        required
      />
      <Notice {...said} />
      <Button type="submit" kind="main">
        Save
      </Button>
    </form>
  );
}

type Provider = { name: string; label: string; configured: boolean; redirect: string; variables: string[] };

/** What is the whole server's, and so only its owner's to see. */
function ThisServer() {
  const { data, failure } = useLoad<Page<Provider>>("/auth/providers/settings");
  const [shown, setShown] = useState<Provider | null>(null);
  return (
    <section className="page-part">
      <h2>This server</h2>
      <p className="soft">You own this installation. These hold for all of its organisations.</p>
      <Notice text={failure} />
      <ul className="lines" aria-label="Sign-in providers">
        {data?.items.map((row) => (
          <li key={row.name}>
            <span className="line-name">
              <strong>Sign in with {row.label}</strong>
              <small className="soft">{row.configured ? "On: the sign-in page has its button." : "Not set up."}</small>
            </span>
            {row.configured && (
              <Link className="button" to="/profile">
                Try it by linking your account
              </Link>
            )}
            <Button kind="quiet" aria-label={`How to set ${row.label} up`} onClick={() => setShown(row)}>
              How to set {row.label} up
            </Button>
          </li>
        ))}
        <li>
          <span className="line-name">
            <strong>Outbox</strong>
            <small className="soft">
              What this server has to say by e-mail, where it has no mail server to say it.
            </small>
          </span>
          <Link className="button" to="/outbox">
            Open the outbox
          </Link>
        </li>
      </ul>
      {shown && (
        <Dialog title={`Sign in with ${shown.label}`} onClose={() => setShown(null)} onSubmit={() => setShown(null)}>
          <p>Register an OAuth application there with this redirect address:</p>
          <Copied label="Redirect address" text={shown.redirect} />
          <p>
            Then start the server with these set, from the environment or its settings file. Secrets stay out of the
            database that way. Without the client's id the button is gone again; linked accounts keep their passwords.
          </p>
          <ul>
            {shown.variables.map((one) => (
              <li key={one}>
                <code>{one}</code>
              </li>
            ))}
          </ul>
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

function End({ organization }: { organization: Row }) {
  const reload = useReload();
  const [asked, setAsked] = useState(false);
  const remove = async () => {
    await call("DELETE", `/organizations/${organization.id}?confirm=${encodeURIComponent(organization.name)}`);
    go("/");
    await reload();
  };
  return (
    <section className="page-part">
      <div className="row wrap">
        <span className="line-name">
          <h2>Delete the organisation</h2>
          <span className="soft">
            Everybody is out at once, API keys and invitations are gone, and what runs is stopped. For 7 days an owner
            can take it back; then no file, branch or row is left.
          </span>
        </span>
        <Button kind="danger" onClick={() => setAsked(true)}>
          Delete
        </Button>
      </div>
      {asked && (
        <Sure
          title={`Delete ${organization.name}?`}
          verb="Delete"
          typed={organization.name}
          act={remove}
          onClose={() => setAsked(false)}
        >
          All of its workspaces, sessions, tasks and pull requests go with it. Remotes are not touched.
        </Sure>
      )}
    </section>
  );
}
