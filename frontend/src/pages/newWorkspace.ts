// Making a workspace: what is sent, and where one goes after it.
import { call, get, post, type Session, type Workspace } from "../api";
import { go } from "../router";

export type NewWorkspace = {
  name: string;
  organization_id: string;
  clone_url?: string;
  clone_token?: string;
  connection_id?: string;
  branch?: string;
};

/** Opens its session, where a large clone tells how far it is. Throws why there is none: one whose clone failed is taken away
 * again. */
export async function makeWorkspace(body: NewWorkspace): Promise<void> {
  const made = await post<Workspace>("/workspace", body);
  const session = await get<Session>(`/sessions/${made.default_session_id}`);
  if (session.status === "failed") {
    await call("DELETE", `/workspace/${made.id}`);
    throw new Error(session.status_reason?.message);
  }
  go(`/s/${session.id}`);
}
