// What a page shows, asked of the server and asked again when a fact says that it is another.
import { useEffect, useRef, useState } from "react";
import { type Fact, get, type Page, type Refused } from "../api";
import { follow } from "../feed";
import { type Answer, useAnswer } from "../parts/useAnswer";

const SOON = 200; // ms
const RARELY = 20_000;

/** GET {path}, and again with every fact whose name fits `facts`, but one that says it `isGone`; null asks nothing.
 *  `failure` is empty when it worked. */
export function useLoad<T>(path: string | null, facts?: RegExp, isGone?: (fact: Fact) => boolean): Answer<T> {
  const { end, ...answer } = useAnswer<T>(path, () => get<T>(path ?? ""));
  const { load } = answer;
  const pattern = facts?.source;
  const gone = useRef(isGone);
  gone.current = isGone;
  useEffect(() => {
    void load();
    if (!pattern) return;
    const fits = new RegExp(`^(?:reset$|${pattern})`);
    return follow((fact) => {
      if (!fits.test(fact.name)) return;
      if (gone.current?.(fact)) end("It was deleted.");
      else void load();
    });
  }, [load, end, pattern]);
  return answer;
}

export type Listed<T> = {
  rows: T[] | null;
  failure: string;
  load: () => Promise<void>;
  older: (() => Promise<void>) | null;
};

/** A list that comes in pages: `rows` are those so far, `older` asks for the next and is null after the last. A fact that fits
 *  begins anew. */
export function usePages<T>(path: string, facts?: RegExp): Listed<T> {
  const { data: first, failure, load } = useLoad<Page<T>>(path, facts);
  const [more, setMore] = useState<Page<T>[]>([]);
  const [wrong, setWrong] = useState("");
  // biome-ignore lint/correctness/useExhaustiveDependencies: another first page has others after it
  useEffect(() => {
    setMore([]);
    setWrong("");
  }, [first]);
  const last = more.at(-1) ?? first;
  const cursor = last?.next_cursor;
  const end = useRef(last);
  end.current = last;
  const older = () =>
    get<Page<T>>(`${path}${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor ?? "")}`).then(
      (page) => {
        if (end.current !== last) return; // it was asked for twice, or the list has begun anew
        end.current = page;
        setMore((old) => [...old, page]);
      },
      (error: Refused) => setWrong(error.message),
    );
  const rows = first && [first, ...more].flatMap((page) => page.items);
  return { rows, failure: failure || wrong, load, older: cursor ? older : null };
}

/** Calls `load` ever more rarely while `waits` names something: for what changes without a fact. Another name begins anew. */
export function useUntil(waits: string, load: () => Promise<unknown>): void {
  const look = useRef(load);
  look.current = load;
  useEffect(() => {
    if (!waits) return;
    let pause = SOON;
    let timer = 0;
    let left = false;
    const wait = () => {
      timer = window.setTimeout(async () => {
        await look.current();
        pause = Math.min(pause * 1.5, RARELY);
        if (!left) wait();
      }, pause);
    };
    wait();
    return () => {
      left = true;
      window.clearTimeout(timer);
    };
  }, [waits]);
}

export type Said = { text: string; kind: "error" | "info" };

/** What came of the last thing one did, for a Notice, and how to do one: `words` are said when it worked. */
export function useSaid(): [Said, (doing: Promise<unknown>, words: string) => Promise<void>] {
  const [said, setSaid] = useState<Said>({ text: "", kind: "info" });
  const tell = (doing: Promise<unknown>, words: string) =>
    doing.then(
      () => setSaid({ text: words, kind: "info" }),
      (error: Refused) => setSaid({ text: error.message, kind: "error" }),
    );
  return [said, tell];
}
