// What all organisation pages stand in: the top bar with organisation and account, the navigation, and the page beside it.
import { type ReactNode, Suspense, useCallback, useEffect, useState } from "react";
import { type Organization, post, type Refused } from "../api";
import { signOut, useMe, useReload } from "../me";
import { Boundary } from "../parts/Boundary";
import { Button, Dialog, Field, Notice } from "../parts/controls";
import { Link } from "../parts/Link";
import { go } from "../router";
import { MenuButton, Tool } from "../shell/controls";
import { Icon } from "../shell/icons";
import { Brand } from "../shell/TitleBar";
import { Deleted } from "./Deleted";
import { atLeast, find, PLACES, pathOf, TOOLS } from "./places";
import "./pages.css";

const LAST = "organization";

export default function Frame({ path, onLeave }: { path: string; onLeave: () => void }) {
  const me = useMe();
  const [open, setOpen] = useState(false);
  const [making, setMaking] = useState(false);
  const [staying, setStaying] = useState(""); // why signing out did not

  const [, again] = useState(0);
  const last = localStorage.getItem(LAST);
  const usual =
    me.organizations.find((one) => one.slug === last) ??
    me.organizations.find((one) => one.id === me.user.default_organization_id) ??
    me.organizations[0];
  const found = usual ? find(path, me.organizations, usual) : null;
  const organization = found?.organization ?? usual;

  useEffect(() => {
    if (organization) localStorage.setItem(LAST, organization.slug);
  }, [organization]);
  const belongTo = useCallback(
    (id: string) => {
      const theirs = me.organizations.find((one) => one.id === id);
      if (theirs) localStorage.setItem(LAST, theirs.slug);
      again((n) => n + 1);
    },
    [me.organizations],
  );
  useEffect(() => {
    if (!open) return;
    const key = (event: KeyboardEvent) => event.key === "Escape" && setOpen(false);
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  }, [open]);

  const leave = () =>
    signOut().then(onLeave, (refused: Refused) => setStaying(`You are still signed in: ${refused.message}`));
  const account = PLACES.filter((one) => one.of === "account" && !one.hidden);
  const navigation = PLACES.filter(
    (one) => one.of !== "account" && !one.hidden && atLeast(organization?.role ?? null, one.least),
  );

  return (
    <div className="frame">
      <header className="top">
        <Tool
          icon="outline"
          label="Navigation"
          className="nav-toggle"
          aria-expanded={open}
          aria-controls="navigation"
          onClick={() => setOpen(!open)}
        />
        <Brand />
        <MenuButton
          label={organization ? `Organisation ${organization.name}` : "Organisation"}
          items={() => [
            ...me.organizations.map((one) => ({
              id: one.id,
              title: one.name,
              icon: one.id === organization?.id ? ("check" as const) : undefined,
              run: () => go(pathOf(one, found?.place.of ? "" : (found?.place.path ?? ""))),
            })),
            "line",
            { id: "new", title: "New organisation", icon: "plus", run: () => setMaking(true) },
          ]}
        >
          <span className="tool-words">{organization?.name ?? "No organisation"}</span>
          <Icon name="unfold" size={12} />
        </MenuButton>
        <span className="grow" />
        {organization && (
          <Suspense>
            {TOOLS.map((One, number) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a table that never changes
              <One key={number} organization={organization} />
            ))}
          </Suspense>
        )}
        <MenuButton
          label={`Account of ${me.user.name}`}
          icon="person"
          items={() => [
            ...account.map(({ path, title, icon }) => ({ id: path, title, icon, run: () => go(`/${path}`) })),
            { id: "api", title: "API reference", icon: "link", run: () => location.assign("/api/docs") },
            "line",
            { id: "leave", title: "Sign out", icon: "leave", run: leave },
          ]}
        >
          <span className="tool-words narrow-out">{me.user.name}</span>
        </MenuButton>
      </header>
      <div className="frame-middle">
        <nav id="navigation" aria-label="Pages" className={open ? "frame-nav open" : "frame-nav"}>
          {organization &&
            navigation.map((one) => (
              <Link
                key={one.path}
                to={pathOf(organization, one.path)}
                aria-current={one === found?.place ? "page" : undefined}
                onClick={() => setOpen(false)}
              >
                <Icon name={one.icon} />
                {one.title}
              </Link>
            ))}
        </nav>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be scrolled by keys, too */}
        <main className="page" tabIndex={0} key={`${organization?.id} ${found?.place.path}`}>
          {staying && <Notice text={staying} />}
          <Boundary>
            <Suspense fallback={<p className="soft" aria-busy="true" />}>
              {found ? (
                <found.place.component organization={found.organization} rest={found.rest} belongTo={belongTo} />
              ) : organization ? (
                <Missing organization={organization} />
              ) : (
                <>
                  <PageHead
                    title="No organisation"
                    lead="You are a member of none: open the link of an invitation, or make one of your own."
                  >
                    <Button kind="main" onClick={() => setMaking(true)}>
                      New organisation
                    </Button>
                  </PageHead>
                  <Deleted />
                </>
              )}
            </Suspense>
          </Boundary>
        </main>
      </div>
      {making && <NewOrganization onClose={() => setMaking(false)} />}
    </div>
  );
}

/** The top of a page: its name, what it is for, and at the right its main actions. Names the browser's tab, too. */
export function PageHead({ title, lead, children }: { title: string; lead?: ReactNode; children?: ReactNode }) {
  useEffect(() => {
    const before = document.title;
    document.title = `${title} · Codeyard`;
    return () => {
      document.title = before;
    };
  }, [title]);
  return (
    <>
      <div className="page-head">
        <h1>{title}</h1>
        {children}
      </div>
      {lead && <p className="lead">{lead}</p>}
    </>
  );
}

function Missing({ organization }: { organization: Organization }) {
  return (
    <>
      <PageHead
        title="There is no such page"
        lead="It may have moved, or your role in the organisation does not show it."
      />
      <Link className="button" to={pathOf(organization)}>
        All workspaces
      </Link>
    </>
  );
}

function NewOrganization({ onClose }: { onClose: () => void }) {
  const reload = useReload();
  const [name, setName] = useState("");
  const [failure, setFailure] = useState("");
  const create = async () => {
    try {
      const made = await post<Organization>("/organizations", { name });
      await reload();
      onClose();
      go(pathOf(made));
    } catch (error) {
      setFailure((error as Error).message);
    }
  };
  return (
    <Dialog title="New organisation" onClose={onClose} onSubmit={create}>
      <p>It has its own members, workspaces and keys. You will own it.</p>
      <Field label="Name" value={name} onChange={(e) => setName(e.target.value)} required maxLength={200} autoFocus />
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main">
          Create
        </Button>
      </div>
    </Dialog>
  );
}
