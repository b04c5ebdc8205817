// Members, teams and rights as the server tells them.
import type { Role } from "../../api";

export type Member = { user_id: string; email: string; name: string; role: Role; created_at: string };
export type Team = { id: string; name: string; members: string[]; created_at: string };
export type Invitation = { id: string; email: string; role: Role; expires_at: string; created_at: string };
export type NewInvitation = Invitation & { invitation: string; mailed: boolean };
export type Roles = {
  roles: { role: string; scopes: string[]; in_workspaces: boolean }[];
  scopes: Record<string, string>;
};
export type Access = "member" | "commenter" | "viewer" | "none";
export type Grant = { user_id: string | null; team_id: string | null; access: Access; created_at: string };

export const ROLE_WORDS: Record<Role, string> = {
  owner: "Owner",
  admin: "Admin",
  member: "Member",
  commenter: "Commenter",
  viewer: "Viewer",
};
