// Services, operations, previews, databases and templates as the server shows them.

export type State =
  | "stopped"
  | "queued"
  | "pulling"
  | "building"
  | "installing"
  | "starting"
  | "running"
  | "unhealthy"
  | "stopping"
  | "exited"
  | "failed";
export type Reason = { code: string; message: string; remedy: string };
export type Health = { status: string; log: string };
export type Visibility = "owner" | "organization" | "public";
export type Port = { target: number; protocol: string; preview_url: string | null; visibility: Visibility };
export type Variable = { name: string; value: string | null; secret: boolean };
export type Service = {
  id: string;
  name: string;
  kind: string;
  icon: string;
  image: string;
  build: boolean;
  command: string;
  install_command: string;
  start_command: string;
  ports: Port[];
  environment: Variable[];
  volumes: string[];
  depends_on: { service: string; condition: string }[];
  limits: { cpus: number; memory_bytes: number; pids: number };
  state: State;
  desired: "running" | "stopped";
  reason: Reason | null;
  exit_code: number | null;
  health: Health | null;
  started_at: string | null;
  restarts: number;
  restart_needed: boolean;
  line: number | null;
  undo_snapshot_id?: string | null;
  note?: string;
};
export type Problem = {
  severity: "error" | "ignored" | "warning";
  code: string;
  path: string;
  message: string;
  file: string;
  line: number | null;
};
export type Proposal = { stack: string; explanation: string; compose: string };
export type Services = {
  items: Service[];
  source: "compose" | "devcontainer" | "procfile" | "none";
  problems: Problem[];
  runtime: "docker" | "process" | "none";
  runtime_reason: string;
  proposal: Proposal | null;
};
export type Step = {
  service: string;
  step: string;
  status: "waiting" | "running" | "done" | "failed";
  percent: number | null;
  message: string;
};
export type Operation = {
  id: string;
  session_id: string;
  kind: "start" | "restart" | "stop" | "run-all" | "stop-all" | "import";
  status: "queued" | "running" | "succeeded" | "failed";
  position: number | null;
  estimate_seconds: number | null;
  steps: Step[];
  error: Reason | null;
  created_at: string;
  finished_at: string | null;
};
export type LogLine = { at: string; stream: "stdout" | "stderr"; text: string };
export type Sample = {
  service_id: string;
  at: string;
  cpu: number;
  memory_bytes: number;
  memory_limit_bytes: number | null;
};
export type Preview = { service_id: string; service: string; port: number; url: string; visibility: Visibility };

export type Column = { name: string; type: string };
export type Table = {
  name: string;
  kind: "table" | "view" | "keyspace";
  rows_estimate: number | null;
  bytes: number | null;
  columns: (Column & { nullable: boolean; default: string | null; primary_key: boolean })[];
  foreign_keys: { columns: string[]; references: { schema: string; table: string; columns: string[] } }[];
  indexes: { name: string; columns: string[]; unique: boolean }[];
};
export type Schema = { name: string; tables: Table[] };
export type Rows = { columns: Column[]; rows: unknown[][]; truncated: boolean };
export type Data = Rows & { total_estimate: number | null; next_cursor?: string | null };
export type Result = Rows & { row_count: number; duration_ms: number };

export type Template = {
  id: string;
  name: string;
  description: string;
  icon: string;
  techstacks: { name: string; icon: string }[];
  services: string[];
  variables: { name: string; description: string; default: string | null; generated?: boolean }[];
  tags: string[];
};
