// What every page of differences has: its head with counts, the walk from change to change, side by side or inline, and the
// differences themselves.
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { Button, Notice } from "../parts/controls";
import { Tool } from "../shell/controls";
import { change, useSetting } from "../shell/settings";
import { Counts, DiffView, type Slots, walk } from "./DiffView";
import type { Diff } from "./types";
import { plural } from "./words";

const WIDE = 860; // px, from which two sides are easier to read than one

type Props = Slots & {
  label: string;
  diff: Diff | null;
  failure: string;
  onAgain?: () => unknown; // asks once more after a failure
  head?: ReactNode;
  tools?: ReactNode;
  empty?: string;
} & Pick<Parameters<typeof DiffView>[0], "onHunk" | "onKey" | "goal" | "folding">;

export function DiffPage({ label, diff, failure, onAgain, head, tools, empty = "Nothing differs.", ...rest }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const layout = useSetting<string>("diff.layout");
  const sides = layout === "side" ? width >= 480 : layout === "auto" && width >= WIDE;
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const watcher = new ResizeObserver(() => setWidth(element.clientWidth));
    watcher.observe(element);
    setWidth(element.clientWidth);
    return () => watcher.disconnect();
  }, []);
  const [additions, deletions] = useMemo(() => {
    const sum = (of: "additions" | "deletions") => (diff?.files ?? []).reduce((total, file) => total + file[of], 0);
    return [sum("additions"), sum("deletions")];
  }, [diff]);
  const files = diff?.files ?? [];
  return (
    <div className="diff-page" ref={box}>
      {head}
      <div className="diff-bar">
        {diff && (
          <>
            <span className="soft">{plural(files.length, "file")}</span>
            <Counts additions={additions} deletions={deletions} />
          </>
        )}
        <span className="grow" />
        {tools}
        <Tool icon="up" label="Previous change" keys="Shift-F7" onClick={() => walk(-1)} disabled={!files.length} />
        <Tool icon="down" label="Next change" keys="F7" onClick={() => walk(1)} disabled={!files.length} />
        <Tool
          icon={sides ? "stack" : "split"}
          label={sides ? "Show inline" : "Show side by side"}
          onClick={() => change("diff.layout", sides ? "inline" : "side")}
        />
      </div>
      <Notice text={failure}>{onAgain && <Button onClick={() => void onAgain()}>Try again</Button>}</Notice>
      {diff?.truncated && <Notice kind="info" text="This is long: only the first files and lines are shown." />}
      {diff && files.length === 0 && <p className="soft empty">{empty}</p>}
      {diff && files.length > 0 && width > 0 && <DiffView label={label} files={files} sides={sides} {...rest} />}
      {!diff && !failure && <p className="soft empty" aria-busy="true" />}
    </div>
  );
}
