// Version control as the API tells it.

export type Status = "added" | "modified" | "deleted" | "renamed" | "untracked" | "conflicted";
export type Repository = {
  name: string;
  path: string;
  branch: string | null;
  head: string | null;
  remote_url: string | null;
  ahead: number | null;
  behind: number | null;
  dirty: boolean;
};
export type Changed = { path: string; status: Status; old_path?: string; path_b64?: string };
export type Line = { kind: string; text: string; old?: number; new?: number; spans?: [number, number][] };
export type Hunk = {
  id?: string; // in differences of the working copy: what a commit or a discard calls it
  old_start: number;
  old_lines: number;
  new_start: number;
  new_lines: number;
  header: string;
  lines: Line[];
};
export type FileDiff = {
  path: string;
  old_path: string | null;
  status: Status;
  additions: number;
  deletions: number;
  binary: boolean;
  truncated?: boolean;
  hunks: Hunk[];
};
export type Diff = { files: FileDiff[]; truncated: boolean };
export type Person = { name: string; email: string };
export type Commit = {
  id: string;
  parents: string[];
  author: Person;
  committer: Person;
  time: string;
  message: string;
  refs: string[];
};
export type CommitDetail = Commit & Diff;
export type Snapshot = {
  id: string;
  commit_id: string;
  reason: string;
  label: string;
  created_at: string;
  files_changed: number;
};
export type Branch = {
  name: string;
  head: string;
  current: boolean;
  session_id: string | null;
  session_name: string | null;
};
export type BlameHunk = {
  commit_id: string;
  start: number;
  lines: number;
  author: Person;
  time: string;
  summary: string;
};
