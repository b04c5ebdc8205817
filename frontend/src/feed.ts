// What happened on the server, told once for the whole tab: whoever wants to know follows the same socket.
import { type Fact, listen } from "./api";

const heard = new Set<(fact: Fact) => void>();
let leave: (() => void) | undefined;
let last = "";

/** Calls `hear` with every fact from now on; "reset" says that some were missed, "access" that
 *  one's own rights are others or the sign-in is over. Returns how to stop. */
export function follow(hear: (fact: Fact) => void): () => void {
  heard.add(hear);
  leave ??= listen(
    "/ws/events",
    () => (last ? { after: last } : ({} as Record<string, string>)),
    (fact: Fact) => {
      last = fact.id;
      for (const tell of [...heard]) tell(fact);
    },
    (code) => {
      const fact = { id: last, name: "access", organization_id: null, workspace_id: null, session_id: null, data: {} };
      if (code === 4401 || code === 4403) for (const tell of [...heard]) tell(fact);
    },
  );
  return () => {
    heard.delete(hear);
    // Pages follow one after another: the socket stays for the next one, unless none came.
    window.setTimeout(() => {
      if (heard.size > 0) return;
      leave?.();
      leave = undefined;
      last = "";
    });
  };
}
