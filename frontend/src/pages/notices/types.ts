// Notifications as the server tells them, in words, and where they lead.
import type { Organization } from "../../api";
import { pathOf } from "../places";

export type Notification = {
  id: string;
  organization_id: string;
  workspace_id: string | null;
  kind: string;
  about: "pull" | "task" | "invitation";
  number: number | null;
  title: string;
  by_name: string;
  created_at: string;
  read_at: string | null;
};

const KINDS: Record<string, string> = {
  review_requested: "asks you for a review of",
  approved: "approved",
  changes_requested: "asks for changes of",
  reviewed: "reviewed",
  commented: "commented on",
  mentioned: "mentioned you in",
  assigned: "gave you",
  merged: "merged",
  closed: "closed",
  invited: "invites you to",
};

/** “Ada gave you”, before the title. */
export const sentence = (of: Notification) => `${of.by_name} ${KINDS[of.kind] ?? of.kind}`;

/** Where it leads; null where there is nothing to go to. */
export function placeOf(of: Notification, organizations: Organization[]): string | null {
  const organization = organizations.find((one) => one.id === of.organization_id);
  if (!organization || of.number === null || !of.workspace_id) return null;
  if (of.about === "pull") return `/w/${of.workspace_id}/pulls/${of.number}`;
  return pathOf(organization, "tasks", of.workspace_id, String(of.number));
}
