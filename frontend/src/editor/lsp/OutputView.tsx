// What the language servers say of themselves.
import { useEffect, useRef } from "react";
import type { Bench } from "../../shell/bench";
import { useStore } from "../../shell/store";
import { knownOf } from "./state";

export default function OutputView({ bench }: { bench: Bench }) {
  const lines = useStore(knownOf(bench).output);
  const end = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new line scrolls there
  useEffect(() => {
    end.current?.scrollIntoView({ block: "nearest" }); // of which newer browsers answer a promise, which is no way to clean up
  }, [lines]);
  if (lines.length === 0) return <p className="soft empty">The language servers have said nothing yet.</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
    <div className="rows output" role="log" aria-label="Output" tabIndex={0}>
      {lines.map((line, number) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name
        <div key={number}>
          <span className="soft">
            {line.at} {line.server}
          </span>{" "}
          {line.text}
        </div>
      ))}
      <div ref={end} />
    </div>
  );
}
