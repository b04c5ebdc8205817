// When to try again what could not be reached: after a pause, or as soon as something says that the server may be there.

const waiting = new Set<() => void>();

/** Runs `work` in `pause` milliseconds, or before that when the browser comes online, its tab is looked at, or another socket is
 *  back (`hurry`). Returns how to give it up. */
export function again(pause: number, work: () => void): () => void {
  const end = () => {
    window.clearTimeout(timer);
    waiting.delete(run);
  };
  const run = () => {
    end();
    work();
  };
  const timer = window.setTimeout(run, pause);
  waiting.add(run);
  return end;
}

export function hurry(): void {
  for (const run of [...waiting]) run();
}

globalThis.addEventListener?.("online", hurry);
globalThis.document?.addEventListener("visibilitychange", () => document.visibilityState === "visible" && hurry());
