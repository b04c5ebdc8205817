// The server's API: types of what it answers, and one function that calls it.
import { again, hurry } from "./again";

export type Role = "owner" | "admin" | "member" | "commenter" | "viewer";
export type Organization = { id: string; name: string; slug: string; role: Role | null };
export type User = {
  id: string;
  email: string;
  name: string;
  created_at: string;
  email_verified: boolean;
  default_organization_id: string | null;
  has_second_factor: boolean;
  owns_installation: boolean;
};
export type Me = { user: User; organizations: Organization[]; csrf_token: string; feed: string };
export type Workspace = {
  id: string;
  organization_id: string;
  name: string;
  slug: string;
  description: string;
  default_session_id: string;
  created_at: string;
  updated_at: string;
};
export type Session = {
  id: string;
  workspace_id: string;
  name: string;
  branch: string;
  parent_session_id: string | null;
  is_default: boolean;
  head: string | null;
  dirty: boolean | null;
  status: "starting" | "ready" | "failed" | "deleted";
  status_reason: { code: string; message: string } | null;
};
export type Entry = {
  name: string;
  path: string;
  type: "file" | "directory" | "symlink" | "other";
  ignored?: boolean;
  children?: Entry[];
};
export type FileContent = {
  path: string;
  content: string;
  encoding: "utf-8" | "base64";
  etag: string;
  truncated: boolean;
};
export type TerminalRow = { id: string; title: string; service_id: string | null; state: "running" | "exited" };
export type Page<T> = { items: T[]; next_cursor: string | null };
export type Fact = {
  id: string;
  name: string;
  organization_id: string | null;
  workspace_id: string | null;
  session_id: string | null;
  data: Record<string, unknown>;
};

/** What the server refused, in words that name cause and remedy. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

const wait = (milliseconds: number) => new Promise((done) => window.setTimeout(done, milliseconds));

let csrfToken = "";

export function keepCsrfToken(token: string): void {
  csrfToken = token;
}

/** Calls /api/v1{path}; once more after a moment where it did not arrive and only `asks`. Throws Refused; status 0 when the
 *  server could not be reached. `decode` reads the answer. */
export async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  asks = method === "GET",
  decode: (text: string) => unknown = JSON.parse,
): Promise<T> {
  const headers: Record<string, string> = { "X-CSRF-Token": csrfToken };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const send = async () => {
    const answer = await fetch(`/api/v1${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return [answer, await answer.text()] as const;
  };
  // Where the server is this machine, a service that starts brings a network: Chromium drops whatever is under way then.
  const patient = () => send().catch((error) => (asks ? wait(300).then(send) : Promise.reject(error)));
  const [answer, text] = await patient().catch(() => {
    throw new Refused(0, "unreachable", "The server cannot be reached. Is it running? Trying again is safe.");
  });
  if (!answer.ok) {
    const error = (text ? JSON.parse(text) : null)?.error ?? {};
    throw new Refused(answer.status, error.code ?? "unknown", error.message ?? answer.statusText, error.details);
  }
  return (text ? decode(text) : null) as T;
}

/** Saves what POST /api/v1{path} streams as a file of that name. Throws Refused. */
export async function download(path: string, body: unknown, name: string): Promise<void> {
  const answer = await fetch(`/api/v1${path}`, {
    method: "POST",
    headers: { "X-CSRF-Token": csrfToken, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) {
    const error = (await answer.json().catch(() => null))?.error ?? {};
    throw new Refused(answer.status, error.code ?? "unknown", error.message ?? answer.statusText, error.details);
  }
  saveAs(await answer.blob(), name);
}

export function saveAs(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A random id (RFC 9562 version 4). Browsers have their own only where the page came over TLS or from this machine. */
export function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 15) | 64;
  bytes[8] = ((bytes[8] ?? 0) & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

export const get = <T>(path: string) => call<T>("GET", path);
export const post = <T>(path: string, body: unknown = {}) => call<T>("POST", path, body);

/** A question that is put by POST, since it is too long for an address: it changes nothing. */
export const ask = <T>(path: string, body: unknown = {}) => call<T>("POST", path, body, true);

export const files = (session: string, op: Record<string, unknown>) =>
  call<unknown>("POST", `/workspace/${session}/filesystem`, op, op.op === "read" || op.op === "stat");
export const vcs = (session: string) => `/workspace/${session}/version-controls`;

export function socketUrl(path: string, query: Record<string, string | number>): string {
  const words = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)]));
  return `${location.origin.replace("http", "ws")}/api/v1${path}?${words}`;
}

/** Ends a socket; one that is still being opened ends when it is, since browsers complain of less. */
export function hangUp(socket: WebSocket): void {
  socket.onmessage = null;
  if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
  else socket.close();
}

/** A socket of JSON messages that comes back by itself, with growing pauses; `query` is asked anew each time. `ended` gets the
 *  close code: 4401 says that the sign-in is over, 4403 that its rights are others, 1006 (RFC 6455 §7.1.5) also that the server
 *  did not let it open, which browsers do not tell from one that cannot be reached. */
export function listen(
  path: string,
  query: () => Record<string, string | number>,
  hear: (message: never) => void,
  ended?: (code: number) => void,
): () => void {
  let socket: WebSocket | undefined;
  let pause = 250;
  let away = false;
  let over = false;
  let giveUp: () => void = () => undefined;
  const open = () => {
    socket = new WebSocket(socketUrl(path, query()));
    let opened = false;
    socket.onopen = () => {
      opened = true;
      if (away) hurry();
      away = false;
    };
    socket.onmessage = (message) => {
      pause = 250;
      hear(JSON.parse(message.data) as never);
    };
    socket.onclose = (event) => {
      if (over) return;
      away ||= !opened;
      ended?.(event.code);
      if (event.code === 4401) pause = 10_000; // nobody is signed in, until perhaps another tab signs in again
      giveUp = again(pause * (0.5 + Math.random()), open);
      pause = Math.min(pause * 2, 10_000);
    };
  };
  open();
  return () => {
    over = true;
    giveUp();
    if (socket) hangUp(socket);
  };
}
