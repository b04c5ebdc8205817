// The session's services and the operations on them, kept true by the feed.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { type Fact, get, post, type Refused } from "../api";
import { follow } from "../feed";
import { inTurn, soon } from "../inTurn";
import type { Operation, Service, Services } from "./types";

export type Act = "start" | "restart" | "stop";
export type Stack = {
  found: Services | null;
  operations: Operation[];
  failure: string;
  writes: boolean;
  load: () => void;
  act: (service: Service, act: Act) => void;
  all: (act: "run-all" | "stop-all") => void;
  dismiss: (id: string) => void;
};
const SHOWN = 4000; // milliseconds that a finished operation stays in sight

/** `tick` grows when files changed: compose.yaml may be among them. `writes` is whether whoever looks may change and run them. */
export function useServices(sessionId: string, wanted: boolean, tick: number, writes: boolean): Stack {
  const [found, setFound] = useState<Services | null>(null);
  const [operations, setOperations] = useState<Operation[]>([]);
  const [failure, setFailure] = useState("");

  const load = useMemo(
    () =>
      inTurn(async () => {
        try {
          setFound(await get<Services>(`/workspace/${sessionId}/services`));
          setFailure("");
        } catch (error) {
          setFailure((error as Refused).message);
        }
      }),
    [sessionId],
  );

  const keep = useCallback((operation: Operation, asked = false) => {
    setOperations((old) => {
      const known = old.find((other) => other.id === operation.id);
      if (known && (asked || known.finished_at)) return old; // an answer that was slower than the feed
      return [...old.filter((other) => other.id !== operation.id), operation].sort((a, b) =>
        a.created_at.localeCompare(b.created_at),
      );
    });
    if (operation.status === "succeeded")
      window.setTimeout(() => setOperations((old) => old.filter((other) => other.id !== operation.id)), SHOWN);
  }, []);

  const again = useRef(() => {});
  const shown = useRef(operations);
  shown.current = operations;
  useEffect(() => {
    if (!wanted) return;
    const reload = soon(200, load);
    again.current = reload;
    load();
    const unfinished = () => {
      for (const { id, finished_at } of shown.current)
        if (!finished_at)
          get<Operation>(`/workspace/${sessionId}/operations/${id}`).then(
            (found) => keep(found),
            () => undefined, // its next progress tells
          );
    };
    unfinished(); // what ended while nobody listened is told by nobody
    const stop = follow((fact: Fact) => {
      if (fact.name === "reset") unfinished();
      if (fact.name === "reset" || fact.name === "workspace.variable_changed") reload();
      if (fact.session_id !== sessionId) return;
      if (fact.name === "services.changed") reload();
      if (fact.name === "operation.progress") keep(fact.data.operation as Operation);
      if (fact.name !== "service.state") return;
      const { service_id, service: _, ...news } = fact.data as Record<string, unknown>;
      setFound(
        (old) => old && { ...old, items: old.items.map((row) => (row.id === service_id ? { ...row, ...news } : row)) },
      );
      reload(); // uptime, restarts and restart_needed are not in the fact
    });
    return () => {
      stop();
      reload.end();
    };
  }, [wanted, sessionId, load, keep]);
  useEffect(() => {
    if (tick) again.current();
  }, [tick]);

  const ask = useCallback(
    (path: string) =>
      post<Operation>(`/workspace/${sessionId}/runtimes/${path}`).then(
        (operation) => {
          setFailure("");
          keep(operation, true);
        },
        (error: Refused) => setFailure(error.message),
      ),
    [sessionId, keep],
  );
  return useMemo(
    () => ({
      found,
      operations,
      failure,
      writes,
      load,
      act: (service, act) => ask(`${service.id}/${act}`),
      all: (act) => ask(act),
      dismiss: (id) => setOperations((old) => old.filter((other) => other.id !== id)),
    }),
    [found, operations, failure, writes, load, ask],
  );
}
