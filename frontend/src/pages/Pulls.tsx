// /w/{workspace}/pulls, and one of them at …/pulls/{number}[/commits|files|conflicts]. The workspace is named by its id or slug.
import { useEffect } from "react";
import type { Page, Workspace } from "../api";
import { Notice } from "../parts/controls";
import { Link } from "../parts/Link";
import { PullList } from "../pulls/List";
import PullView, { PARTS, type Part } from "../pulls/PullView";
import { useRoom } from "../pulls/room";
import { go } from "../router";
import "../features"; // the settings of differences
import { PageHead } from "./Frame";
import { useLoad } from "./load";
import type { PageProps } from "./places";

const AN_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export default function Pulls(props: PageProps) {
  const given = props.rest[0] ?? "";
  const isId = AN_ID.test(given);
  const { data, failure } = useLoad<Page<Workspace>>(isId ? null : "/workspace?limit=200");
  const slugs = data?.items.filter((row) => row.slug === given);
  const found = slugs?.find((row) => row.organization_id === props.organization.id) ?? slugs?.[0];
  const workspaceId = isId ? given : found?.id;
  if (workspaceId) return <OfWorkspace {...props} workspaceId={workspaceId} />;
  if (failure) return <Notice text={failure} />;
  return data && <PageHead title="There is no such workspace" lead={`None that you may see is called ${given}.`} />;
}

function OfWorkspace({ organization, rest, belongTo, workspaceId }: PageProps & { workspaceId: string }) {
  const [given = "", what, number = "", wanted] = rest;
  const room = useRoom(workspaceId);
  const owner = room.workspace?.organization_id ?? organization.id;
  useEffect(() => {
    if (owner !== organization.id) belongTo(owner);
  }, [owner, organization.id, belongTo]);
  useEffect(() => {
    if (number) document.title = `#${number} · ${room.workspace?.name ?? "Codeyard"}`;
  }, [number, room.workspace]);
  const at = `/w/${encodeURIComponent(given)}/pulls`;
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
