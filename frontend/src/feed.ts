// What happened on the server, told once for the whole tab: whoever wants to know follows the same socket.
import { type Fact, listen } from "./api";

const heard = new Set<(fact: Fact) => void>();
let leave: (() => void) | undefined;
let last = "";

/** Facts are told from `at` on: where the feed stood when `/auth/me` answered, before the page asked for anything else. A socket
 *  that began only once it is open would leave out what happens between the page's answers and that. */
export function begin(at: string): void {
  if (!leave) last = at;
}

/** Calls `hear` with every fact from there on; "reset" says that some were missed, "access" that
 *  one's own rights may be others or the sign-in over. Returns how to stop. */
export function follow(hear: (fact: Fact) => void): () => void {
  heard.add(hear);
  leave ??= listen(
    "/ws/events",
    () => ({ after: last }),
    (fact: Fact) => {
      last = fact.id;
      for (const tell of [...heard]) tell(fact);
    },
    (code) => {
      const fact = { id: last, name: "access", organization_id: null, workspace_id: null, session_id: null, data: {} };
      if (code === 4401 || code === 4403 || code === 1006) for (const tell of [...heard]) tell(fact);
    },
  );
  return () => {
    heard.delete(hear);
    // Pages follow one after another: the socket stays for the next one, unless none came.
    window.setTimeout(() => {
      if (heard.size > 0) return;
      leave?.();
      leave = undefined;
    });
  };
}
