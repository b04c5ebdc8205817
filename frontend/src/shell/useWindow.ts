// Long lists: which rows of one height are in sight, so that only those are drawn.
import { type RefCallback, useCallback, useEffect, useRef, useState } from "react";

const AROUND = 12; // rows drawn beyond each edge

/** Hang `ref` and `onScroll` on what scrolls; draw rows `from` to before `to`. */
export function useWindow(count: number, height: number) {
  const element = useRef<HTMLElement | null>(null);
  const [seen, setSeen] = useState({ top: 0, room: 800 });
  const look = useCallback(() => {
    const box = element.current;
    if (!box) return;
    const top = Math.floor(box.scrollTop / height) * height; // a step of less than a row changes nothing
    setSeen((old) => (old.top === top && old.room === box.clientHeight ? old : { top, room: box.clientHeight }));
  }, [height]);
  const watch = useRef<ResizeObserver | null>(null);
  const ref: RefCallback<HTMLElement> = useCallback(
    (found) => {
      watch.current?.disconnect();
      element.current = found;
      if (!found) return;
      watch.current = new ResizeObserver(look);
      watch.current.observe(found);
      look();
    },
    [look],
  );
  useEffect(() => () => watch.current?.disconnect(), []);
  const show = useCallback(
    (at: number) => {
      const box = element.current;
      if (!box) return;
      if (at * height < box.scrollTop) box.scrollTop = at * height;
      else if ((at + 1) * height > box.scrollTop + box.clientHeight)
        box.scrollTop = (at + 1) * height - box.clientHeight;
    },
    [height],
  );
  const from = Math.max(0, Math.min(Math.floor(seen.top / height) - AROUND, count));
  const to = Math.min(count, Math.ceil((seen.top + seen.room) / height) + AROUND);
  return { from, to, ref, onScroll: look, show };
}
