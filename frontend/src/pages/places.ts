// The organisation pages' table of contents: one row for each, in the order of the navigation. Frame.tsx draws it.
//
// A page lies at /o/{organisation's slug}/{path}, or at /{path} where it is the account's own. Its component gets the
// organisation and what follows in the address: /o/acme/tasks/7 gives { organization, rest: ["7"] } to the page of "tasks".
// It starts with <PageHead title="…"> and needs no <main> of its own.
import { type ComponentType, type LazyExoticComponent, lazy } from "react";
import type { Organization, Role } from "../api";
import type { IconName } from "../shell/icons";

export type PageProps = {
  organization: Organization;
  rest: string[];
  belongTo: (organizationId: string) => void; // for a page whose address does not say whose it is
};
export type Place = {
  path: string; // one segment; "" is the first page
  title: string;
  icon: IconName;
  component: LazyExoticComponent<ComponentType<PageProps>>;
  least?: Role; // whoever is less does not see it
  of?: "account"; // stands in the account menu in place of the navigation
  hidden?: true; // is reached by links of other pages
};

export const PLACES: Place[] = [
  { path: "", title: "Workspaces", icon: "home", component: lazy(() => import("./Workspaces")) },
  { path: "tasks", title: "Tasks", icon: "check", component: lazy(() => import("./tasks/Tasks")) },
  { path: "activity", title: "Activity", icon: "history", component: lazy(() => import("./notices/Activity")) },
  { path: "webhooks", title: "Webhooks", icon: "webhook", component: lazy(() => import("./webhooks/Webhooks")) },
  {
    path: "integrations",
    title: "Integrations",
    icon: "link",
    component: lazy(() => import("./integrations/Integrations")),
    least: "member",
  },
  { path: "people", title: "People", icon: "person", component: lazy(() => import("./people/People")) },
  { path: "keys", title: "API keys", icon: "lock", component: lazy(() => import("./Keys")), least: "admin" },
  { path: "audit", title: "Audit log", icon: "history", component: lazy(() => import("./Audit")), least: "admin" },
  {
    path: "organization",
    title: "Organisation",
    icon: "services",
    component: lazy(() => import("./Organization")),
    least: "admin",
  },
  {
    path: "outbox",
    title: "Outbox",
    icon: "file",
    component: lazy(() => import("./Outbox")),
    of: "account",
    hidden: true,
  },
  {
    path: "profile",
    title: "Profile",
    icon: "person",
    of: "account",
    component: lazy(() => import("./account/Profile")),
  },
  {
    path: "integrations", // where a provider sends the browser back to
    title: "Integrations",
    icon: "link",
    component: lazy(() => import("./integrations/Integrations")),
    of: "account",
    hidden: true,
  },
  { path: "settings", title: "Settings", icon: "settings", of: "account", component: lazy(() => import("./Settings")) },
  {
    path: "w",
    title: "Pull requests",
    icon: "pull",
    component: lazy(() => import("./Pulls")),
    of: "account",
    hidden: true,
  },
];

/** What stands at the right of the top bar, before the account: the bell. */
export const TOOLS: LazyExoticComponent<ComponentType<{ organization: Organization }>>[] = [
  lazy(() => import("./notices/Bell")),
];

const ROLES: Role[] = ["owner", "admin", "member", "commenter", "viewer"];

/** Whether who has `role` may at least what `least` may. */
export const atLeast = (role: Role | null, least: Role | undefined): boolean =>
  least === undefined || (role !== null && ROLES.indexOf(role) <= ROLES.indexOf(least));

/** The address of an organisation's page, and of what is in it. */
export const pathOf = (organization: Organization, ...segments: string[]): string =>
  `/o/${[organization.slug, ...segments.filter(Boolean).map(encodeURIComponent)].join("/")}`;

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment; // somebody typed a lone %
  }
}

export type Found = { place: Place; organization: Organization; rest: string[] };

/** The page at an address; null where there is none for who asks. `usual` is the organisation where the address names none. */
export function find(path: string, organizations: Organization[], usual: Organization): Found | null {
  const segments = path.split("/").filter(Boolean).map(decoded);
  const inside = segments[0] === "o" || segments.length === 0;
  const organization = segments[0] === "o" ? organizations.find((one) => one.slug === segments[1]) : usual;
  const [first = "", ...rest] = segments[0] === "o" ? segments.slice(2) : segments;
  const place = PLACES.find((one) => one.path === first && (one.of === "account") !== inside);
  if (!place || !organization || !atLeast(organization.role, place.least)) return null;
  return { place, organization, rest };
}
