// How numbers and states are said.
import type { Operation, Service, State, Step } from "./types";

/** "84 MB", "1.5 GB"; powers of 1024, as limits are. */
export function bytes(count: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  let left = count;
  while (left >= 1023.5 && unit < units.length - 1) {
    left /= 1024;
    unit += 1;
  }
  return `${left < 10 && unit > 1 ? left.toFixed(1) : Math.round(left)} ${units[unit]}`;
}

/** Of one core: 0.125 is "13 %", 2 is "200 %". */
export function percent(cores: number): string {
  return `${cores < 0.0995 && cores > 0 ? (cores * 100).toFixed(1) : Math.round(cores * 100)} %`;
}

/** How long ago, in its two largest units at most: "3 min", "2 h 5 min". */
export function since(start: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(start)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${Math.floor(hours / 24)} d`;
}

/** "next in the queue", "3rd in the queue, about 12 s". */
export function waiting(operation: Operation): string {
  const at = operation.position ?? 0;
  const ending = at % 100 > 10 && at % 100 < 14 ? "th" : (["th", "st", "nd", "rd"][at % 10] ?? "th");
  const place = at <= 1 ? "Next in the queue" : `${at}${ending} in the queue`;
  const left = operation.estimate_seconds;
  return left ? `${place}, about ${left < 90 ? `${Math.ceil(left)} s` : `${Math.ceil(left / 60)} min`}` : place;
}

export type Shape = "dot" | "ring" | "busy" | "square" | "diamond" | "triangle";
type Tone = "good" | "soft" | "busy" | "warn" | "bad";
const LOOKS: Record<State, [Shape, Tone]> = {
  stopped: ["square", "soft"],
  queued: ["ring", "busy"],
  pulling: ["busy", "busy"],
  building: ["busy", "busy"],
  installing: ["busy", "busy"],
  starting: ["busy", "busy"],
  running: ["dot", "good"],
  unhealthy: ["diamond", "warn"],
  stopping: ["busy", "busy"],
  exited: ["square", "soft"],
  failed: ["triangle", "bad"],
};

/** A state's word, shape and tone; how an exited one ended decides between the last two. */
export function look(service: Pick<Service, "state" | "exit_code" | "health">): [string, Shape, Tone] {
  const [shape, tone] = LOOKS[service.state] ?? ["ring", "soft"];
  if (service.state === "exited" && service.exit_code) return [`exited with ${service.exit_code}`, "triangle", "bad"];
  if (service.state === "running" && service.health?.status === "healthy") return ["healthy", shape, tone];
  return [service.state, shape, tone];
}

export const isUp = (service: Service) => ["running", "unhealthy", "starting"].includes(service.state);
export const isIdle = (service: Service) => ["stopped", "exited", "failed"].includes(service.state);

/** "pulling 40 %" */
export function stepping(step: Step): string {
  return step.percent === null ? step.step : `${step.step} ${step.percent} %`;
}

export const KINDS: Record<string, string> = {
  start: "Run",
  restart: "Restart",
  stop: "Stop",
  "run-all": "Run all",
  "stop-all": "Stop all",
};

/** When services stop that nobody uses, for people. */
export function stopsWhen(idle: { in_use: string[]; stops_at: string | null; kept_until: string | null }): string {
  const clock = (moment: string) => new Date(moment).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (idle.kept_until) return `Kept until ${clock(idle.kept_until)}.`;
  if (idle.stops_at) return `They stop at ${clock(idle.stops_at)}.`;
  return idle.in_use.length > 0 ? `In use: ${idle.in_use.join(", ")}.` : "Nothing runs.";
}

/** With its full stop, since another sentence follows: engines and registries leave it out. */
export const sentence = (text: string) => (/[\p{L}\p{N})"]$/u.test(text) ? `${text}.` : text);
