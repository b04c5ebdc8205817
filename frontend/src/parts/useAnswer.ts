// What a part of the page shows of a question to the server, whichever answer comes first.
import { useCallback, useMemo, useRef, useState } from "react";
import type { Refused } from "../api";
import { inTurn } from "../inTurn";

export type Answer<T> = { data: T | null; failure: string; load: () => Promise<void> };

/** What `ask` answers to the question that `key` names, null for none. `load` asks, and again in turn; it does not begin by
 *  itself. An answer to an earlier question is dropped; beside a failure stays what was there. `end` says why there is nothing
 *  any more, after which no answer counts. */
export function useAnswer<T>(
  key: string | null,
  ask: () => Promise<T>,
): Answer<T> & { end: (failure: string) => void } {
  const [shown, setShown] = useState<{ key: string | null; data: T | null; failure: string }>({
    key,
    data: null,
    failure: "",
  });
  const wanted = useRef({ key, ask });
  wanted.current = { key, ask };
  const over = useRef<string | null>(null);
  const load = useMemo(() => {
    const counts = () => wanted.current.key === key && over.current !== key;
    return inTurn(async () => {
      if (key === null || !counts()) return;
      const [data, failure] = await wanted.current.ask().then(
        (found): [T | null, string] => [found, ""],
        (error: Refused): [T | null, string] => [null, error.message],
      );
      if (counts()) setShown((old) => ({ key, data: data ?? (old.key === key ? old.data : null), failure }));
    });
  }, [key]);
  const end = useCallback(
    (failure: string) => {
      over.current = key;
      setShown({ key, data: null, failure });
    },
    [key],
  );
  const { data, failure } = shown.key === key ? shown : { data: null, failure: "" };
  return { data, failure, load, end };
}
