// Tasks as the server tells them, and what the page calls them.
export const STATUSES = ["todo", "in_progress", "in_review", "done", "cancelled"] as const;
export type Status = (typeof STATUSES)[number];
export const STATUS_WORDS: Record<Status, string> = {
  todo: "To do",
  in_progress: "In progress",
  in_review: "In review",
  done: "Done",
  cancelled: "Cancelled",
};
export type TaskLink = { kind: "session" | "pull" | "issue"; id: string | null; url: string | null };
export type Task = {
  id: string;
  workspace_id: string;
  number: number;
  title: string;
  body: string;
  status: Status;
  position: number;
  assignee_id: string | null;
  team_id: string | null;
  labels: string[];
  links: TaskLink[];
  author: { id: string | null; name: string };
  created_at: string;
  updated_at: string;
};
/** What writes one; null takes away. */
export type Fields = Partial<Pick<Task, "title" | "body" | "status" | "assignee_id" | "team_id" | "labels" | "links">>;
