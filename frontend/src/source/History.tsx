// What was: commits with their lanes, snapshots, and the branches of the workspace.
import { useState } from "react";
import type { Bench } from "../shell/bench";
import { CommandButton, ViewHead } from "../shell/controls";
import { useStore } from "../shell/store";
import { Branches } from "./Branches";
import { Log } from "./Log";
import { Segments } from "./Segments";
import { Snapshots } from "./Snapshots";
import { PARTS, sourceOf } from "./state";

export default function History({ bench, wide = false }: { bench: Bench; wide?: boolean }) {
  const source = sourceOf(bench);
  const { repositories } = useStore(source.state);
  const part = useStore(source.part);
  const [repository, setRepository] = useState("root");
  return (
    <div className={`history-view ${wide ? "wide" : ""}`}>
      {!wide && (
        <ViewHead title="History">
          <CommandButton bench={bench} id="source.history" />
          <CommandButton bench={bench} id="source.snapshot" />
        </ViewHead>
      )}
      <div className="row history-parts">
        <Segments label="Show" choices={PARTS} value={part} onChoose={(next) => source.show(next)} />
        {(repositories?.length ?? 0) > 1 && part !== "snapshots" && (
          <select aria-label="Repository" value={repository} onChange={(event) => setRepository(event.target.value)}>
            {repositories?.map((row) => (
              <option key={row.name}>{row.name}</option>
            ))}
          </select>
        )}
      </div>
      {part === "commits" && <Log key={repository} bench={bench} repository={repository} />}
      {part === "snapshots" && <Snapshots bench={bench} />}
      {part === "branches" && <Branches bench={bench} repository={repository} />}
    </div>
  );
}
