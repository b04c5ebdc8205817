// A pull request as a tab of the workbench.
import { useState } from "react";
import type { EditorProps } from "../shell/registry";
import { useStore } from "../shell/store";
import PullView, { type Part } from "./PullView";
import { useRoom } from "./room";

export default function PullTab({ bench, tab }: EditorProps) {
  const { session } = useStore(bench.info);
  if (!session) return null;
  const { number } = tab.data as { number: number };
  return <Inside bench={bench} workspaceId={session.workspace_id} number={number} />;
}

function Inside({ bench, workspaceId, number }: { bench: EditorProps["bench"]; workspaceId: string; number: number }) {
  const room = useRoom(workspaceId);
  const [part, setPart] = useState<Part>("conversation");
  return (
    <div className="pull-tab">
      <PullView
        workspaceId={workspaceId}
        number={number}
        room={room}
        part={part}
        onPart={setPart}
        here={bench.sessionId}
        openFile={(path) => bench.openFile(path)}
      />
    </div>
  );
}
