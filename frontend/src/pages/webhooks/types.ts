// Webhooks as the server tells them.
export type Webhook = {
  id: string;
  workspace_id: string | null;
  url: string;
  events: string[];
  description: string;
  enabled: boolean;
  status: "ok" | "failing" | "disabled";
  failing_since: string | null;
  paused_until: string | null;
  last_error: string;
  created_at: string;
};
export type EventKind = { name: string; description: string };
export type Secret = { secret: string; previous_until: string | null };
export type Delivery = {
  id: string;
  event: string;
  state: "pending" | "delivered" | "failed";
  tries: number;
  status: number | null;
  error: string;
  next_attempt_at: string | null;
  created_at: string;
  finished_at: string | null;
};
export type Attempt = {
  created_at: string;
  milliseconds: number;
  headers: Record<string, unknown>;
  status: number | null;
  error: string;
  answer_headers: Record<string, unknown>;
  answer: string;
};
export type DeliveryDetail = Delivery & { body: string; attempts: Attempt[] };

export const PROVIDERS = ["github", "gitlab", "bitbucket", "linear", "sentry"] as const;
export type Provider = (typeof PROVIDERS)[number];
export const PROVIDER_WORDS: Record<Provider, string> = {
  github: "GitHub",
  gitlab: "GitLab",
  bitbucket: "Bitbucket",
  linear: "Linear",
  sentry: "Sentry",
};
export type Rule = {
  events: string[];
  where: Record<string, string | string[]>;
  title: string;
  body: string;
  labels: string[];
  assignee: string | null;
};
export type Receiver = {
  id: string;
  organization_id: string;
  workspace_id: string;
  provider: Provider;
  name: string;
  path: string;
  rules: Rule[];
  enabled: boolean;
  created_at: string;
};
export type Received = {
  id: string;
  delivery_id: string;
  event: string;
  state: "received" | "done" | "ignored" | "failed";
  note: string;
  received_at: string;
  processed_at: string | null;
};
export type ReceivedDetail = Received & { headers: Record<string, unknown>; body: string };
