// One pull request: its head, its parts – conversation, commits, files, conflicts – and the box where it is merged.
import { lazy, Suspense, useState } from "react";
import { Button, Notice } from "../parts/controls";
import { Link } from "../parts/Link";
import { Tool } from "../shell/controls";
import { useStore } from "../shell/store";
import type { DiffGoal } from "../source/DiffView";
import { plural } from "../source/words";
import { CommitLine, Conversation, Facts } from "./Conversation";
import { type Desk, useDesk } from "./desk";
import { EditPull } from "./Form";
import { MergeBox } from "./MergeBox";
import { ReviewDialog } from "./ReviewDialog";
import { NamedContext, nameOf, type Room } from "./room";
import { STATE_WORDS, StateTag } from "./StateTag";
import { placeOf } from "./Thread";
import type { Pull, Thread } from "./types";
import "../source/source.css";
import "./pulls.css";

const Files = lazy(() => import("./Files"));
const Conflicts = lazy(() => import("./Conflicts"));

export const PARTS = ["conversation", "commits", "files", "conflicts"] as const;
export type Part = (typeof PARTS)[number];

type Props = {
  workspaceId: string;
  number: number;
  room: Room;
  part: Part;
  onPart: (part: Part) => void;
  here?: string; // the session in whose workbench it is shown
  openFile?: (path: string) => void;
};

export default function PullView({ workspaceId, number, room, part, onPart, here, openFile }: Props) {
  const desk = useDesk(workspaceId, number);
  const { pull, failure } = useStore(desk.state);
  const trouble = useStore(desk.trouble);
  const said = useStore(desk.said);
  const [asking, setAsking] = useState<"edit" | "review" | null>(null);
  const [goal, setGoal] = useState<DiffGoal | null>(null);
  if (!pull) return failure ? <Notice text={failure} /> : <p className="soft empty" aria-busy="true" />;
  const may = { comment: room.scopes.has("pulls:comment"), write: room.scopes.has("pulls:write") };
  const show = (thread: Thread) => {
    const place = placeOf(thread);
    if (place) setGoal({ path: place.path, side: place.side === "base" ? "old" : "new", line: place.line });
    onPart("files");
  };
  const filesOfSession = here === pull.head_session_id && pull.repository === "root" ? openFile : undefined;
  return (
    <NamedContext value={room.named}>
      <div className={`pull part-${part}`}>
        <Head desk={desk} pull={pull} room={room} onEdit={may.write ? () => setAsking("edit") : undefined} />
        <div className="pull-bar row">
          <Parts desk={desk} pull={pull} part={part} onPart={onPart} />
          <span className="grow" />
          <Waiting desk={desk} />
          {may.comment && (
            <Button kind="main" onClick={() => setAsking("review")}>
              Review…
            </Button>
          )}
        </div>
        <Notice text={trouble} />
        <span className="hidden" role="status">
          {said}
        </span>
        <Suspense fallback={<p className="soft empty" aria-busy="true" />}>
          {part === "conversation" && (
            <div className="pull-columns">
              <div>
                <Conversation desk={desk} may={may} onThread={show} />
                <MergeBox
                  desk={desk}
                  pull={pull}
                  room={room}
                  here={here ?? null}
                  onConflicts={() => onPart("conflicts")}
                  onAsk={() => setAsking("edit")}
                />
              </div>
              <Facts desk={desk} pull={pull} write={may.write} onEdit={() => setAsking("edit")} />
            </div>
          )}
          {part === "commits" && <Commits desk={desk} />}
          {part === "files" && <Files desk={desk} may={may} goal={goal} open={filesOfSession} />}
          {part === "conflicts" && <Conflicts desk={desk} pull={pull} onSettled={() => onPart("conversation")} />}
        </Suspense>
        {asking === "edit" && <EditPull desk={desk} pull={pull} room={room} onClose={() => setAsking(null)} />}
        {asking === "review" && <ReviewDialog desk={desk} may={may} onClose={() => setAsking(null)} />}
      </div>
    </NamedContext>
  );
}

function Head({ desk, pull, room, onEdit }: { desk: Desk; pull: Pull; room: Room; onEdit?: () => void }) {
  const { commits } = useStore(desk.state);
  const session = (id: string | null, branch: string) => (
    <>
      <code>{branch}</code>
      {id && (
        <Link className="link" to={`/s/${id}`}>
          {nameOf(room, id) ?? "its session"}
        </Link>
      )}
    </>
  );
  return (
    <header className="pull-head">
      <div className="row">
        <h1>
          {pull.title} <span className="soft">#{pull.number}</span>
        </h1>
        {onEdit && <Tool icon="pencil" label="Edit title, description, reviewers" onClick={onEdit} />}
      </div>
      <p className="row by-line">
        <StateTag state={pull.state} />
        <strong>{pull.author.name}</strong>
        <span>
          {pull.state === "merged" ? "brought" : "wants to bring"} {plural(commits.length, "commit")} of
        </span>
        {session(pull.head_session_id, pull.head_branch)}
        <span>into</span>
        {session(pull.base_session_id, pull.base_branch)}
        {pull.repository !== "root" && <span className="tag">{pull.repository}</span>}
      </p>
      <span className="hidden" role="status">{`It is ${STATE_WORDS[pull.state].toLowerCase()}.`}</span>
    </header>
  );
}

function Parts({ desk, pull, part, onPart }: { desk: Desk; pull: Pull; part: Part; onPart: (part: Part) => void }) {
  const { threads, commits, total } = useStore(desk.state);
  const open = threads.filter((thread) => !thread.resolved).length;
  const rows: [Part, string, number][] = [
    ["conversation", "Conversation", open],
    ["commits", "Commits", commits.length],
    ["files", "Files changed", total],
  ];
  if (pull.conflicts.length > 0 || part === "conflicts") rows.push(["conflicts", "Conflicts", pull.conflicts.length]);
  return (
    <nav className="pull-parts" aria-label="Parts of the pull request">
      {rows.map(([one, title, count]) => (
        <button type="button" key={one} aria-current={one === part ? "page" : undefined} onClick={() => onPart(one)}>
          {title}
          {count > 0 && <span className="how-many" data-drawn={count} title={String(count)} />}
        </button>
      ))}
    </nav>
  );
}

/** Comments that wait for their review, suggestions that wait to be applied. */
function Waiting({ desk }: { desk: Desk }) {
  const drafts = useStore(desk.drafts);
  const batch = useStore(desk.batch);
  const busy = useStore(desk.busy);
  return (
    <>
      {batch.size > 0 && (
        <Button disabled={busy} onClick={() => desk.apply([...batch])}>
          Apply {plural(batch.size, "suggestion")}
        </Button>
      )}
      {drafts.length > 0 && <span className="tag warn">{plural(drafts.length, "comment")} not sent yet</span>}
    </>
  );
}

function Commits({ desk }: { desk: Desk }) {
  const { commits } = useStore(desk.state);
  return (
    <div className="pull-commits">
      {commits.map((commit) => (
        <CommitLine key={commit.id} commit={commit} />
      ))}
      {commits.length === 0 && <p className="soft empty">The base has all of its commits.</p>}
    </div>
  );
}
