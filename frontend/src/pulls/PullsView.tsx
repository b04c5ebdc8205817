// The side view: the workspace's pull requests; one opens as a tab.
import type { Bench } from "../shell/bench";
import { ViewHead } from "../shell/controls";
import { useStore } from "../shell/store";
import { PullList } from "./List";
import { useRoom } from "./room";
import type { Pull } from "./types";

export default function PullsView({ bench }: { bench: Bench }) {
  const { session } = useStore(bench.info);
  if (!session) return null;
  return <Inside bench={bench} workspaceId={session.workspace_id} />;
}

function Inside({ bench, workspaceId }: { bench: Bench; workspaceId: string }) {
  const room = useRoom(workspaceId);
  const open = ({ number }: Pull) =>
    bench.open({ id: `pull:${number}`, kind: "pull", title: `#${number}`, data: { number } });
  return (
    <div className="pulls-view">
      <ViewHead title="Pull requests" />
      <PullList workspaceId={workspaceId} room={room} head={bench.sessionId} onOpen={open} />
    </div>
  );
}
