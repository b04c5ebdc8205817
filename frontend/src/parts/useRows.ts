// The rows in sight of a long list whose rows are all of one height.
import { useVirtualizer, type Virtualizer } from "@tanstack/react-virtual";
import type { RefObject } from "react";

/** `count` rows of `height` pixels, scrolled by `box`. */
export function useRows<T extends HTMLElement>(
  count: number,
  box: RefObject<T | null>,
  height: number,
): Virtualizer<T, Element> {
  return useVirtualizer({
    count,
    getScrollElement: () => box.current,
    estimateSize: () => height,
    overscan: 12,
    useFlushSync: false,
  });
}
