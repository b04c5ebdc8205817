// The way into a view by keys, and through its entries.
import { type KeyboardEvent, useEffect, useRef } from "react";
import type { Bench } from "./bench";
import { useStore } from "./store";

const ENTRY = ".entry, .pull-row";
const FIRST = `input:not([type=checkbox]), textarea, [role=tree], [role=listbox], ${ENTRY}, .diff-view`;

/** Stands in a view or tab that may be called by keys (`bench.entering`): the focus goes to its field or list, else to itself. */
export function Arrival({ bench, id }: { bench: Bench; id: string }) {
  const entering = useStore(bench.entering);
  const here = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (entering !== id) return;
    bench.entering.set(null);
    const region = here.current?.closest<HTMLElement>(".side, .panel-body, .dock, .tab-body");
    const seen = (which: string) =>
      [...(region?.querySelectorAll<HTMLElement>(which) ?? [])].find((one) => one.offsetParent !== null);
    (seen(FIRST) ?? seen("[tabindex='0']") ?? region)?.focus(); // what scrolls is the second
  }, [bench, entering, id]);
  return <span ref={here} hidden />;
}

/** Up and down go through the entries of a view. */
export function byArrows(event: KeyboardEvent<HTMLElement>): void {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  const from = event.target as HTMLElement;
  if (!step || !(from === event.currentTarget || from.matches(ENTRY))) return;
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>(ENTRY)];
  rows[Math.max(0, rows.indexOf(from) + step)]?.focus();
  event.preventDefault();
}
