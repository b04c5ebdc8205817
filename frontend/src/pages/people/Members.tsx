// The invitations that are out, and members: who manages a hundred of them finds the button to invite at the top.
import { useState } from "react";
import { call, type Organization, type Page, type Refused, type Role } from "../../api";
import { useMe, useReload } from "../../me";
import { Button, Notice } from "../../parts/controls";
import { Sure } from "../../parts/Sure";
import { When } from "../../parts/words";
import { go } from "../../router";
import { useLoad } from "../load";
import { atLeast } from "../places";
import { Invitations } from "./Invitations";
import { type Member, ROLE_WORDS, type Team } from "./types";

type Question = { member: Member; to: Role | null };

export function Members({ organization }: { organization: Organization }) {
  const me = useMe();
  const reload = useReload();
  const at = `/organizations/${organization.id}`;
  const { data, failure, load } = useLoad<Page<Member>>(`${at}/members`, /member\./);
  const teams = useLoad<Page<Team>>(`${at}/teams`, /team\.|member\.left/);
  const [asked, setAsked] = useState<Question | null>(null);
  const [refused, setRefused] = useState("");
  const manages = atLeast(organization.role, "admin");
  const owns = organization.role === "owner";

  /** Throws what the server refused. */
  const change = async ({ member, to }: Question) => {
    setRefused("");
    const path = `${at}/members/${member.user_id}`;
    await (to ? call("PUT", path, { role: to }) : call("DELETE", path));
    setAsked(null);
    const own = member.user_id === me.user.id;
    if (own && !to)
      go("/"); // nothing of this organisation is there any more
    else await load();
    if (own) await reload();
  };
  const changeAtOnce = (question: Question) =>
    change(question).catch((error: Refused) => {
      setRefused(error.message);
      return load(); // the choice shows what holds again
    });
  const words = asked && wordsOf(asked, asked.member.user_id === me.user.id, organization);

  return (
    <>
      {manages && <Invitations organization={organization} />}
      {manages && <h2 className="after-part">Members</h2>}
      <Notice text={refused || failure} />
      <ul className="lines" aria-label="Members" aria-busy={!data}>
        {data?.items.map((member) => {
          const own = member.user_id === me.user.id;
          const changeable = manages && (owns || member.role !== "owner");
          return (
            <li key={member.user_id}>
              <span className="line-name">
                <strong>
                  {member.name}
                  {own && <span className="soft"> (you)</span>}
                </strong>
                <small className="soft">
                  {member.email} · joined <When at={member.created_at} />
                  {teams.data?.items
                    .filter((team) => team.members.includes(member.user_id))
                    .map((team) => ` · ${team.name}`)}
                </small>
              </span>
              {changeable ? (
                <select
                  aria-label={`Role of ${member.name}`}
                  value={member.role}
                  onChange={(event) => {
                    const to = event.target.value as Role;
                    if (own) setAsked({ member, to });
                    else void changeAtOnce({ member, to });
                  }}
                >
                  {Object.entries(ROLE_WORDS)
                    .filter(([role]) => owns || role !== "owner")
                    .map(([role, words]) => (
                      <option key={role} value={role}>
                        {words}
                      </option>
                    ))}
                </select>
              ) : (
                <span className="line-fact">{ROLE_WORDS[member.role]}</span>
              )}
              {(changeable || own) && (
                <Button
                  kind="quiet"
                  className="line-act"
                  aria-label={own ? "Leave the organisation" : `Remove ${member.name}`}
                  onClick={() => setAsked({ member, to: null })}
                >
                  {own ? "Leave" : "Remove"}
                </Button>
              )}
            </li>
          );
        })}
      </ul>
      {asked && words && (
        <Sure title={words.title} verb={words.verb} act={() => change(asked)} onClose={() => setAsked(null)}>
          {words.text}
        </Sure>
      )}
    </>
  );
}

type Words = { title: string; verb: string; text: string };

function wordsOf({ member, to }: Question, own: boolean, organization: Organization): Words {
  if (to)
    return {
      title: `Become ${ROLE_WORDS[to].toLowerCase()} yourself?`,
      verb: "Change",
      text: "Your rights here are others at once. To have the old ones back, somebody else must give them to you.",
    };
  return own
    ? {
        title: `Leave ${organization.name}?`,
        verb: "Leave",
        text: "You see nothing of it any more. To come back you need an invitation.",
      }
    : {
        title: `Remove ${member.name}?`,
        verb: "Remove",
        text: "Their pages and terminals of this organisation close at once. What they made stays.",
      };
}
