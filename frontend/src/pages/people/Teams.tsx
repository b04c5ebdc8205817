// Teams: people who are given a workspace, a task or a review together.
import { useState } from "react";
import { call, type Organization, type Page, post, type Refused } from "../../api";
import { Button, Dialog, Field, Notice } from "../../parts/controls";
import { Sure } from "../../parts/Sure";
import { plural } from "../../source/words";
import { useLoad } from "../load";
import { atLeast } from "../places";
import type { Member, Team } from "./types";

type Asked = { team: Team | null; what: "name" | "members" | "delete" };

export function Teams({ organization }: { organization: Organization }) {
  const at = `/organizations/${organization.id}`;
  const { data, failure, load } = useLoad<Page<Team>>(`${at}/teams`, /team\.|member\.left/);
  const members = useLoad<Page<Member>>(`${at}/members`, /member\./);
  const [asked, setAsked] = useState<Asked | null>(null);
  const manages = atLeast(organization.role, "admin");
  const nameOf = (id: string) => members.data?.items.find((one) => one.user_id === id)?.name ?? "…";
  const close = () => {
    setAsked(null);
    void load();
  };
  return (
    <>
      <div className="row">
        <p className="lead grow">
          People who are given a workspace, a task or a review together. What a team may in a workspace is set there, by
          “Access” in the list of workspaces.
        </p>
        {manages && (
          <Button kind="main" onClick={() => setAsked({ team: null, what: "name" })}>
            New team
          </Button>
        )}
      </div>
      <Notice text={failure} />
      {data?.items.length === 0 && <p className="soft empty">No teams yet.</p>}
      <ul className="lines" aria-label="Teams" aria-busy={!data}>
        {data?.items.map((team) => (
          <li key={team.id}>
            <span className="line-name">
              <strong>{team.name}</strong>
              <small className="soft">
                {team.members.length ? team.members.map(nameOf).join(", ") : "Nobody is in it yet."}
              </small>
            </span>
            <span className="line-fact">{plural(team.members.length, "member")}</span>
            {manages && (
              <>
                <Button aria-label={`Members of ${team.name}`} onClick={() => setAsked({ team, what: "members" })}>
                  Members
                </Button>
                <Button
                  kind="quiet"
                  aria-label={`Rename ${team.name}`}
                  onClick={() => setAsked({ team, what: "name" })}
                >
                  Rename
                </Button>
                <Button
                  kind="quiet"
                  aria-label={`Delete ${team.name}`}
                  onClick={() => setAsked({ team, what: "delete" })}
                >
                  Delete
                </Button>
              </>
            )}
          </li>
        ))}
      </ul>
      {asked?.what === "name" && <Naming at={at} team={asked.team} onClose={close} />}
      {asked?.what === "members" && asked.team && (
        <Filling at={at} team={asked.team} members={members.data?.items ?? []} onClose={close} />
      )}
      {asked?.what === "delete" && asked.team && (
        <Sure
          title={`Delete ${asked.team.name}?`}
          verb="Delete"
          act={() => call("DELETE", `${at}/teams/${asked.team?.id}`).then(close)}
          onClose={close}
        >
          What its members may in workspaces by it goes with it; they stay members of the organisation.
        </Sure>
      )}
    </>
  );
}

function Naming({ at, team, onClose }: { at: string; team: Team | null; onClose: () => void }) {
  const [name, setName] = useState(team?.name ?? "");
  const [failure, setFailure] = useState("");
  const save = () =>
    (team ? call("PUT", `${at}/teams/${team.id}`, { name }) : post(`${at}/teams`, { name })).then(
      onClose,
      (error: Refused) => setFailure(error.message),
    );
  return (
    <Dialog title={team ? `Rename ${team.name}` : "New team"} onClose={onClose} onSubmit={save}>
      <Field
        label="Name"
        value={name}
        onChange={(event) => setName(event.target.value)}
        required
        maxLength={200}
        autoFocus
      />
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main">
          {team ? "Rename" : "Create"}
        </Button>
      </div>
    </Dialog>
  );
}

function Filling({ at, team, members, onClose }: { at: string; team: Team; members: Member[]; onClose: () => void }) {
  const [inside, setInside] = useState(new Set(team.members));
  const [failure, setFailure] = useState("");
  const put = (id: string, isIn: boolean) => {
    const show = (now: boolean) =>
      setInside((old) => {
        const next = new Set(old);
        if (now) next.add(id);
        else next.delete(id);
        return next;
      });
    setFailure("");
    show(isIn);
    call(isIn ? "PUT" : "DELETE", `${at}/teams/${team.id}/members/${id}`).catch((error: Refused) => {
      show(!isIn);
      setFailure(error.message);
    });
  };
  return (
    <Dialog title={`Members of ${team.name}`} onClose={onClose} onSubmit={onClose}>
      <ul className="checks">
        {members.map((member) => (
          <li key={member.user_id}>
            <label>
              <input
                type="checkbox"
                checked={inside.has(member.user_id)}
                onChange={(event) => put(member.user_id, event.target.checked)}
              />
              {member.name} <span className="soft">{member.email}</span>
            </label>
          </li>
        ))}
      </ul>
      <Notice text={failure} />
      <div className="row end">
        <Button type="submit" kind="main">
          Done
        </Button>
      </div>
    </Dialog>
  );
}
