// Who belongs to the organisation, as what: members and invitations, teams, and what each role may.
import { Link } from "../../parts/Link";
import { PageHead } from "../Frame";
import { type PageProps, pathOf } from "../places";
import { Members } from "./Members";
import { Rights } from "./Rights";
import { Teams } from "./Teams";

const PARTS = [
  ["", "Members"],
  ["teams", "Teams"],
  ["roles", "Roles"],
] as const;

export default function People({ organization, rest: [part = ""] }: PageProps) {
  return (
    <>
      <PageHead title="People" />
      <nav className="parts" aria-label="People">
        {PARTS.map(([path, title]) => (
          <Link key={path} to={pathOf(organization, "people", path)} aria-current={path === part ? "page" : undefined}>
            {title}
          </Link>
        ))}
      </nav>
      {part === "teams" ? (
        <Teams organization={organization} />
      ) : part === "roles" ? (
        <Rights />
      ) : (
        <Members organization={organization} />
      )}
    </>
  );
}
