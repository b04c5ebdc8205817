// Facts in words, for the activity page. What is of no interest to people – progress, states – is left out.
import type { Fact, Organization } from "../../api";
import { pathOf } from "../places";

const said = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");
const about = (fact: Fact) => `#${said(fact.data.number)} ${said(fact.data.title)}`;
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
/** Who did it, and what; what nobody is known to have done was done all the same: "made a session", "A session was made". */
const did = (fact: Fact, verb: string, object: string): string =>
  fact.data.by_name ? `${said(fact.data.by_name)} ${verb} ${object}` : `${capital(object)} was ${verb}`;
const session = (fact: Fact) => (fact.data.session_name ? `the session ${said(fact.data.session_name)}` : "a session");
const whom = (fact: Fact) => said(fact.data.user_name) || "Somebody";
const VERDICTS: Record<string, string> = {
  approve: "approved",
  request_changes: "asked for changes of",
  comment: "commented on",
};

const WORDS: Record<string, (fact: Fact) => string> = {
  "key.changed": (fact) => did(fact, said(fact.data.how), `the API key ${said(fact.data.key_name)}`),
  "member.changed": (fact) => `${whom(fact)} is ${said(fact.data.role)} now`,
  "member.invited": (fact) =>
    `${said(fact.data.by_name) || "Somebody"} invited ${said(fact.data.email) || "somebody"} as ${said(fact.data.role)}`,
  "member.invitation_changed": (fact) => `The invitation of ${said(fact.data.email)} was ${said(fact.data.how)}`,
  "member.joined": (fact) => `${whom(fact)} joined as ${said(fact.data.role)}`,
  "member.left": (fact) => `${whom(fact)} left`,
  "pull.closed": (fact) => did(fact, "closed", `pull request ${about(fact)}`),
  "pull.commented": (fact) => did(fact, "commented on", `pull request ${about(fact)}`),
  "pull.merged": (fact) => did(fact, "merged", `pull request ${about(fact)}`),
  "pull.opened": (fact) => did(fact, "opened", `pull request ${about(fact)}`),
  "pull.reviewed": (fact) => did(fact, VERDICTS[said(fact.data.how)] ?? "reviewed", `pull request ${about(fact)}`),
  "pull.updated": (fact) =>
    fact.data.how === "commits"
      ? `There are new commits on pull request ${about(fact)}`
      : did(fact, "changed", `pull request ${about(fact)}`),
  "services.changed": (fact) => did(fact, "changed", "the services of a session"),
  "session.created": (fact) => did(fact, "made", session(fact)),
  "session.deleted": (fact) => did(fact, "deleted", session(fact)),
  "session.failed": (fact) => `${capital(session(fact))} could not be made`,
  "session.purged": (fact) => `${capital(session(fact))} was removed for good`,
  "session.restored": (fact) => did(fact, "restored", session(fact)),
  "snapshot.restored": (fact) => did(fact, "restored", "a snapshot"),
  "task.created": (fact) => did(fact, "added", `task ${about(fact)}`),
  "task.deleted": (fact) => did(fact, "deleted", `task ${about(fact)}`),
  "task.updated": (fact) => did(fact, "changed", `task ${about(fact)}`),
  "team.changed": (fact) =>
    /joined|left/.test(said(fact.data.change))
      ? `Somebody ${said(fact.data.change)} team ${said(fact.data.team_name)}`
      : did(fact, said(fact.data.change), `the team ${said(fact.data.team_name)}`),
  "vcs.committed": (fact) => did(fact, "made", `the commit ${said(fact.data.commit_id).slice(0, 8)}`),
  "vcs.pushed": (fact) => did(fact, "pushed", `the branch ${said(fact.data.branch)}`),
  "webhook.changed": (fact) => `${did(fact, "changed", "a webhook")}: ${said(fact.data.how)}`,
  "webhook.disabled": (fact) => `A webhook was disabled: ${said(fact.data.error)}`,
  "webhook.failing": (fact) => `A webhook fails: ${said(fact.data.error)}`,
  "webhook.received": (fact) => `A delivery of ${said(fact.data.provider)} became a task: ${said(fact.data.title)}`,
  "webhook.recovered": () => "A webhook works again",
  "workspace.access_changed": (fact) => did(fact, "changed", "the access to the workspace"),
  "workspace.created": (fact) => did(fact, "made", "the workspace"),
  "workspace.deleted": (fact) => did(fact, "deleted", "the workspace"),
  "workspace.registry_changed": (fact) =>
    `${did(fact, "changed", `the login at ${said(fact.data.registry)}`)}: ${said(fact.data.how)}`,
  "workspace.restored": (fact) => did(fact, "restored", "the workspace"),
  "workspace.updated": (fact) => did(fact, "changed", "the workspace"),
  "workspace.variable_changed": (fact) =>
    `${did(fact, "changed", `the variable ${said(fact.data.variable)}`)}: ${said(fact.data.how)}`,
};

/** What happened; null for what nobody wants to read. */
export const wordsOf = (fact: Fact): string | null => WORDS[fact.name]?.(fact) ?? null;

/** The page that shows what it is about, if one does. */
export function linkOf(fact: Fact, organization: Organization): string | null {
  const number = said(fact.data.number);
  if (number && fact.workspace_id && !fact.name.endsWith(".deleted")) {
    if (fact.name.startsWith("task.")) return pathOf(organization, "tasks", fact.workspace_id, number);
    if (fact.name.startsWith("pull.")) return `/w/${fact.workspace_id}/pulls/${number}`;
  }
  if (fact.session_id && !/deleted|purged/.test(fact.name)) return `/s/${fact.session_id}`;
  return null;
}
