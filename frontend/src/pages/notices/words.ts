// Facts in words, for the activity page. What is of no interest to people – progress, states – is left out.
import type { Fact, Organization } from "../../api";
import { pathOf } from "../places";

const said = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");
const about = (fact: Fact) => `#${said(fact.data.number)} ${said(fact.data.title)}`;
const whom = (fact: Fact) => said(fact.data.user_name) || "Somebody";
const VERDICTS: Record<string, string> = {
  approve: "approved",
  request_changes: "asked for changes of",
  comment: "commented on",
};

const WORDS: Record<string, (fact: Fact) => string> = {
  "key.changed": (fact) => `API key ${said(fact.data.key_name)} was ${said(fact.data.how)}`,
  "member.changed": (fact) => `${whom(fact)} is ${said(fact.data.role)} now`,
  "member.invited": (fact) =>
    `${said(fact.data.by_name) || "Somebody"} invited ${said(fact.data.email) || "somebody"} as ${said(fact.data.role)}`,
  "member.invitation_changed": (fact) => `The invitation of ${said(fact.data.email)} was ${said(fact.data.how)}`,
  "member.joined": (fact) => `${whom(fact)} joined as ${said(fact.data.role)}`,
  "member.left": (fact) => `${whom(fact)} left`,
  "pull.closed": (fact) => `${said(fact.data.by_name)} closed pull request ${about(fact)}`,
  "pull.commented": (fact) => `${said(fact.data.by_name)} commented on pull request ${about(fact)}`,
  "pull.merged": (fact) => `${said(fact.data.by_name)} merged pull request ${about(fact)}`,
  "pull.opened": (fact) => `${said(fact.data.by_name)} opened pull request ${about(fact)}`,
  "pull.reviewed": (fact) =>
    `${said(fact.data.by_name)} ${VERDICTS[said(fact.data.how)] ?? "reviewed"} pull request ${about(fact)}`,
  "pull.updated": (fact) => `${said(fact.data.by_name)} changed pull request ${about(fact)}`,
  "services.changed": () => "The services of a session were changed",
  "session.created": () => "A session was made",
  "session.deleted": () => "A session was put into the bin",
  "session.failed": () => "A session could not be made",
  "session.purged": () => "A session was removed for good",
  "session.restored": () => "A session was taken out of the bin",
  "snapshot.restored": () => "A snapshot was restored",
  "task.created": (fact) => `${said(fact.data.by_name)} added task ${about(fact)}`,
  "task.deleted": (fact) => `${said(fact.data.by_name)} deleted task ${about(fact)}`,
  "task.updated": (fact) => `${said(fact.data.by_name)} changed task ${about(fact)}`,
  "team.changed": (fact) =>
    /joined|left/.test(said(fact.data.change))
      ? `Somebody ${said(fact.data.change)} team ${said(fact.data.team_name)}`
      : `Team ${said(fact.data.team_name)} was ${said(fact.data.change)}`,
  "vcs.committed": (fact) => `A commit was made: ${said(fact.data.commit_id).slice(0, 8)}`,
  "vcs.pushed": (fact) => `Branch ${said(fact.data.branch)} was pushed`,
  "webhook.changed": (fact) => `A webhook was changed: ${said(fact.data.how)}`,
  "webhook.disabled": (fact) => `A webhook was disabled: ${said(fact.data.error)}`,
  "webhook.failing": (fact) => `A webhook fails: ${said(fact.data.error)}`,
  "webhook.received": (fact) => `A delivery of ${said(fact.data.provider)} became a task: ${said(fact.data.title)}`,
  "webhook.recovered": () => "A webhook works again",
  "workspace.access_changed": () => "The access to a workspace was changed",
  "workspace.created": () => "A workspace was made",
  "workspace.deleted": () => "A workspace was put into the bin",
  "workspace.registry_changed": (fact) =>
    `The login at ${said(fact.data.registry)} was changed: ${said(fact.data.how)}`,
  "workspace.restored": () => "A workspace was taken out of the bin",
  "workspace.updated": () => "A workspace was changed",
  "workspace.variable_changed": (fact) => `Variable ${said(fact.data.variable)} was changed: ${said(fact.data.how)}`,
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
