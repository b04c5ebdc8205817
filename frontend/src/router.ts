// Four addresses do not need a library: the path is state, links change it.
import { useSyncExternalStore } from "react";

/** The addresses that one signs in for. */
export const INSIDE = /^\/($|[osw]\/|(settings|profile|outbox|integrations)$)/;

const heard = new Set<() => void>();
window.addEventListener("popstate", () => {
  for (const tell of heard) tell();
});

export function go(path: string): void {
  history.pushState(null, "", path);
  for (const tell of heard) tell();
}

export function usePath(): string {
  return useSyncExternalStore(
    (tell) => {
      heard.add(tell);
      return () => heard.delete(tell);
    },
    () => location.pathname,
  );
}
