// Pull requests as the API tells them.
import type { Host } from "../pages/integrations/types";
import type { FileDiff, Hunk, Status } from "../source/types";

export type Author = { id: string | null; name: string };
/** A person or a team that was asked for a review. */
export type Reviewer = { id: string; name: string; answered: boolean };
export type PullState = "draft" | "open" | "merged" | "closed";
export type Blocker = "session_gone" | "draft" | "conflicts" | "approvals" | "changes_requested" | "ended";
export type Pull = {
  id: string;
  workspace_id: string;
  number: number;
  repository: string;
  title: string;
  body: string;
  state: PullState;
  author: Author;
  head_session_id: string | null;
  base_session_id: string | null;
  head_branch: string;
  base_branch: string;
  head_commit: string;
  base_commit: string;
  merge_base: string;
  conflicts: string[];
  labels: string[];
  reviewers: Reviewer[];
  reviewer_teams: Reviewer[];
  approved_by: Author[];
  changes_requested_by: Author[];
  required_approvals: number;
  blocked_by: Blocker[];
  merge_commit: string | null;
  merge_method: string | null;
  merged_by: string | null;
  mirror: Mirror | null;
  created_at: string;
  updated_at: string;
  ended_at: string | null;
};
/** Its twin at the provider that the repository came from. */
export type Mirror = {
  provider: Host | null;
  url: string | null;
  number: number | null;
  state: "opening" | "in_step" | "waiting" | "failed";
  last_synced_at: string | null;
  error: { code: string; cause: string; remedy: string } | null;
};
/** What a CI job says of the head. */
export type Check = {
  id: string;
  name: string;
  state: "pending" | "success" | "failure" | "cancelled";
  url: string;
  description: string;
};
export type Counts = Record<PullState | "review_requested" | "mine", number>;
export type Side = "base" | "head";
export type Verdict = "approve" | "request_changes" | "comment";
export type Method = "merge" | "squash" | "rebase";
export type Comment = {
  id: string;
  review_id: string | null;
  author: Author;
  body: string;
  applied_commit: string | null;
  created_at: string;
  edited_at: string | null;
};
export type Thread = {
  id: string;
  path: string | null;
  side: Side;
  start_line: number | null;
  line: number | null;
  commit_id: string;
  outdated: boolean;
  resolved: boolean;
  comments: Comment[];
  created_at: string;
};
export type Review = {
  id: string;
  author: Author;
  verdict: Verdict;
  body: string;
  commit_id: string;
  stale: boolean;
  created_at: string;
};
export type Rules = { required_approvals: number; dismiss_stale: boolean };
export type ConflictFile = {
  path: string;
  base: string | null;
  ours: string | null;
  theirs: string | null;
  markers: string | null;
  binary: boolean;
};
export type ConflictContent = { head_commit: string; base_commit: string; files: ConflictFile[] };
/** Lines of a file to comment on. */
export type Place = { path: string; side: Side; start_line: number; line: number };
/** A comment as it is sent; without a place it is on the whole. */
export type NewComment = { body: string } & Partial<Place>;
export type Team = { id: string; name: string };

/** A hunk as pull requests tell it, as text. `spans` are of changed words: the line of the text, and from which of its characters
 *  to which. */
export type PatchHunk = Omit<Hunk, "lines"> & { text: string; spans: [number, number, number][] };
/** A file with such hunks, which difference views do not know. */
export type PatchFile = Omit<FileDiff, "hunks"> & {
  status: Status;
  viewed: boolean;
  content: string; // the blobs before and after
  hunks: PatchHunk[];
};
export type PullFile = FileDiff & { viewed: boolean; content: string };
export type PullDiff = {
  merge_base: string;
  head_commit: string;
  total_files: number;
  items: PatchFile[];
  next_cursor: string | null;
};
