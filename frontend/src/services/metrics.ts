// What each service uses, once a second, for as long as somebody looks: the last minute of it.
import { useEffect, useRef, useState } from "react";
import type { Sample } from "./types";

export const SECONDS = 60;
export type Use = Map<string, Sample[]>;

/** Adds a sample to its service's last minute. */
export function record(use: Use, sample: Sample): void {
  const kept = use.get(sample.service_id) ?? [];
  const from = Date.parse(sample.at) - SECONDS * 1000;
  use.set(sample.service_id, [...kept.filter((old) => Date.parse(old.at) > from && old.at < sample.at), sample]);
}

/** Redrawn at most once a second, however many services there are. */
export function useMetrics(sessionId: string, wanted: boolean): Use {
  const use = useRef<Use>(new Map());
  const [, redraw] = useState(0);
  useEffect(() => {
    if (!wanted) return;
    use.current = new Map();
    let fresh = false;
    let timer = 0;
    let source: EventSource;
    const open = () => {
      source = new EventSource(`/api/v1/workspace/${sessionId}/metrics`);
      source.addEventListener("sample", (event) => {
        record(use.current, JSON.parse(event.data) as Sample);
        fresh = true;
      });
      source.onerror = () => {
        if (source.readyState === EventSource.CLOSED) timer = window.setTimeout(open, 5000);
      };
    };
    open();
    const clock = window.setInterval(() => {
      if (fresh) redraw((n) => n + 1);
      fresh = false;
    }, 1000);
    return () => {
      window.clearInterval(clock);
      window.clearTimeout(timer);
      source.close();
    };
  }, [sessionId, wanted]);
  return use.current;
}
