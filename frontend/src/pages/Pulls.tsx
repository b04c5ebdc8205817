// /w/{workspace}/pulls, and one of them at …/pulls/{number}[/commits|files|conflicts].
import { useEffect } from "react";
import { Link } from "../parts/Link";
import { PullList } from "../pulls/List";
import PullView, { PARTS, type Part } from "../pulls/PullView";
import { useRoom } from "../pulls/room";
import { go } from "../router";
import "../features"; // the settings of differences
import { PageHead } from "./Frame";
import type { PageProps } from "./places";

export default function Pulls({ organization, rest, belongTo }: PageProps) {
  const [workspaceId = "", what, number = "", wanted] = rest;
  const room = useRoom(workspaceId);
  const owner = room.workspace?.organization_id ?? organization.id;
  useEffect(() => {
    if (owner !== organization.id) belongTo(owner);
  }, [owner, organization.id, belongTo]);
  useEffect(() => {
    if (number) document.title = `#${number} · ${room.workspace?.name ?? "Codeyard"}`;
  }, [number, room.workspace]);
  const at = `/w/${encodeURIComponent(workspaceId)}/pulls`;
  if (what !== "pulls" || (number && !/^\d{1,9}$/.test(number)))
    return <PageHead title="There is no such page" lead="Pull requests lie at /w/{workspace}/pulls/{number}." />;
  if (!number)
    return (
      <>
        <PageHead
          title="Pull requests"
          lead={
            room.workspace && (
              <Link className="link" to={`/s/${room.workspace.default_session_id}`}>
                {room.workspace.name}
              </Link>
            )
          }
        />
        <PullList workspaceId={workspaceId} room={room} head={null} onOpen={(pull) => go(`${at}/${pull.number}`)} />
      </>
    );
  const part: Part = PARTS.find((one) => one === wanted) ?? "conversation";
  return (
    <div className="pull-page">
      <Link className="link back" to={at}>
        All pull requests
      </Link>
      <PullView
        key={number}
        workspaceId={workspaceId}
        number={Number(number)}
        room={room}
        part={part}
        onPart={(one) => go(`${at}/${number}${one === "conversation" ? "" : `/${one}`}`)}
      />
    </div>
  );
}
