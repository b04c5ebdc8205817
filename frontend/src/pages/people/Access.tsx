// What people and teams may in one workspace in place of their role.
import { useState } from "react";
import { call, type Organization, type Page, type Refused, type Role, type Workspace } from "../../api";
import { Button, Dialog, Notice } from "../../parts/controls";
import { useLoad } from "../load";
import { type Access as Given, type Grant, type Member, ROLE_WORDS, type Roles, type Team } from "./types";

const wordsOf = (access: string) => ROLE_WORDS[access as Role] ?? "Nothing";

export function Access({
  organization,
  workspace,
  onClose,
}: {
  organization: Organization;
  workspace: Workspace;
  onClose: () => void;
}) {
  const at = `/workspace/${workspace.id}/access`;
  const grants = useLoad<Page<Grant>>(at, /workspace\.access_changed/);
  const members = useLoad<Page<Member>>(`/organizations/${organization.id}/members`, /member\./);
  const teams = useLoad<Page<Team>>(`/organizations/${organization.id}/teams`, /team\./);
  const roles = useLoad<Roles>("/roles");
  const [who, setWho] = useState("");
  const [access, setAccess] = useState<Given>("member");
  const [failure, setFailure] = useState("");

  const choices = roles.data?.roles.filter((row) => row.in_workspaces).map((row) => row.role) ?? [];
  const put = (holder: string, given: Given | null) => {
    setFailure("");
    const path = `${at}/${holder}`;
    (given ? call("PUT", path, { access: given }) : call("DELETE", path))
      .catch((error: Refused) => setFailure(error.message))
      .then(grants.load);
  };
  const options = choices.map((one) => (
    <option key={one} value={one}>
      {wordsOf(one)}
    </option>
  ));
  // Owners and admins have all of every workspace, whatever is given to them.
  const people = members.data?.items.filter((one) => !["owner", "admin"].includes(one.role)) ?? [];
  return (
    <Dialog
      title={`Access to ${workspace.name}`}
      onClose={onClose}
      onSubmit={() => {
        if (who) put(who, access);
        setWho("");
      }}
    >
      <p className="soft">
        Whoever is not listed may what their role says. What was given to a person counts before what their teams have.
      </p>
      <Notice text={failure || grants.failure} />
      <ul className="lines" aria-label="Given here">
        {grants.data?.items.map((grant) => {
          const holder = grant.user_id ? `people/${grant.user_id}` : `teams/${grant.team_id}`;
          const name = grant.user_id
            ? members.data?.items.find((one) => one.user_id === grant.user_id)?.name
            : teams.data?.items.find((one) => one.id === grant.team_id)?.name;
          return (
            <li key={holder}>
              <span className="line-name">
                <strong>{name ?? "…"}</strong>
                <small className="soft">{grant.user_id ? "Person" : "Team"}</small>
              </span>
              <select
                aria-label={`Access of ${name}`}
                value={grant.access}
                onChange={(event) => put(holder, event.target.value as Given)}
              >
                {options}
              </select>
              <Button kind="quiet" aria-label={`Take back from ${name}`} onClick={() => put(holder, null)}>
                Take back
              </Button>
            </li>
          );
        })}
      </ul>
      <div className="row wrap">
        <select aria-label="Person or team" value={who} onChange={(event) => setWho(event.target.value)}>
          <option value="">Person or team …</option>
          <optgroup label="Teams">
            {teams.data?.items.map((one) => (
              <option key={one.id} value={`teams/${one.id}`}>
                {one.name}
              </option>
            ))}
          </optgroup>
          <optgroup label="People">
            {people.map((one) => (
              <option key={one.user_id} value={`people/${one.user_id}`}>
                {one.name} ({one.email})
              </option>
            ))}
          </optgroup>
        </select>
        <select aria-label="Access" value={access} onChange={(event) => setAccess(event.target.value as Given)}>
          {options}
        </select>
        <Button type="submit" disabled={!who}>
          Give
        </Button>
      </div>
      <div className="row end">
        <Button kind="main" onClick={onClose}>
          Done
        </Button>
      </div>
    </Dialog>
  );
}
