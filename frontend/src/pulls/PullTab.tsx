// A pull request as a tab of the workbench.
import { useState } from "react";
import type { EditorProps } from "../shell/registry";
import { useStore } from "../shell/store";
import PullView, { type Part } from "./PullView";

export default function PullTab({ bench, tab }: EditorProps) {
  const { session } = useStore(bench.info);
  const [part, setPart] = useState<Part>("conversation");
  if (!session) return null;
  const { number } = tab.data as { number: number };
  return (
    <div className="pull-tab">
      <PullView
        workspaceId={session.workspace_id}
        number={number}
        part={part}
        onPart={setPart}
        here={bench.sessionId}
        openFile={(path) => bench.openFile(path)}
      />
    </div>
  );
}
