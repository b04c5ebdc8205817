// The pull requests of a workspace: by state, with how many there are of each, and by words; and the way to open one.
import { useCallback, useEffect, useRef, useState } from "react";
import { type Fact, get, type Page, type Refused } from "../api";
import { follow } from "../feed";
import { inTurn, soon } from "../inTurn";
import { useMe } from "../me";
import { Button, Notice } from "../parts/controls";
import { Icon } from "../shell/icons";
import { Segments } from "../source/Segments";
import { ago } from "../source/words";
import { OpenPull } from "./Form";
import type { Room } from "./room";
import { StateTag } from "./StateTag";
import type { Counts, Pull } from "./types";
import "../source/source.css";
import "./pulls.css";

type Which = "alive" | "review" | "mine" | "merged" | "closed";
const PAUSE = 200; // ms

export function PullList({
  workspaceId,
  room,
  head,
  onOpen,
}: {
  workspaceId: string;
  room: Room;
  head: string | null; // the session that a new one would come from
  onOpen: (pull: Pull) => void;
}) {
  const me = useMe();
  const [which, setWhich] = useState<Which>("alive");
  const [query, setQuery] = useState("");
  const [opening, setOpening] = useState(false);
  const { rows, counts, failure, cursor, more } = usePulls(workspaceId, me.user.id, which, query);
  const alive = counts ? counts.open + counts.draft : 0;
  const choices: [Which, string][] = [
    ["alive", titled("Open", alive)],
    ["review", titled("For you", counts?.review_requested)],
    ["mine", titled("Yours", counts?.mine)],
    ["merged", titled("Merged", counts?.merged)],
    ["closed", titled("Closed", counts?.closed)],
  ];
  return (
    <div className="pull-list">
      <div className="row pull-tools">
        <Segments label="Which" choices={choices} value={which} onChoose={setWhich} />
        <input
          type="search"
          aria-label="Find a pull request"
          placeholder="Find by title"
          value={query}
          onChange={(event) => setQuery(event.target.value)}
        />
        {room.scopes.has("pulls:write") && (
          <Button kind="main" onClick={() => setOpening(true)}>
            Open a pull request
          </Button>
        )}
      </div>
      <Notice text={failure || room.failure} />
      {rows === null && !failure && <p className="soft empty" aria-busy="true" />}
      {rows?.length === 0 && <Nothing which={which} filtered={query !== ""} />}
      <ul aria-label="Pull requests">
        {rows?.map((pull) => (
          <li key={pull.id}>
            <button type="button" className="pull-row" onClick={() => onOpen(pull)}>
              <span className="row">
                <StateTag state={pull.state} />
                <strong className="ellipsis">{pull.title}</strong>
                <span className="soft">#{pull.number}</span>
              </span>
              <span className="row soft small">
                <span>
                  {pull.author.name} · {pull.head_branch} → {pull.base_branch} · {ago(pull.updated_at)}
                </span>
                {pull.labels.map((label) => (
                  <span key={label} className="tag">
                    {label}
                  </span>
                ))}
                <Standing pull={pull} />
              </span>
            </button>
          </li>
        ))}
      </ul>
      {rows && cursor && <Button onClick={more}>Show more</Button>}
      {opening && (
        <OpenPull
          room={room}
          head={head}
          onClose={() => setOpening(false)}
          onOpened={(pull) => {
            setOpening(false);
            onOpen(pull);
          }}
        />
      )}
    </div>
  );
}

const titled = (title: string, count: number | undefined) => (count ? `${title} ${count}` : title);

function Standing({ pull }: { pull: Pull }) {
  if (pull.state !== "open" && pull.state !== "draft") return null;
  const [icon, words] = pull.conflicts.length
    ? (["warning", "Conflicts"] as const)
    : pull.changes_requested_by.length
      ? (["warning", "Changes requested"] as const)
      : pull.approved_by.length
        ? (["check", "Approved"] as const)
        : ([null, ""] as const);
  if (icon === null) return null;
  return (
    <span className="row standing">
      <Icon name={icon} size={12} />
      {words}
    </span>
  );
}

const EMPTY_WORDS: Record<Which, string> = {
  alive:
    "None is open. A pull request asks that what one session has committed comes into another, after others looked.",
  review: "Nobody waits for your review.",
  mine: "None of the open ones is yours.",
  merged: "None was merged yet.",
  closed: "None was closed without being merged.",
};
const Nothing = ({ which, filtered }: { which: Which; filtered: boolean }) => (
  <p className="soft empty">{filtered ? "No title fits." : EMPTY_WORDS[which]}</p>
);

/** What is listed, kept true by the feed. */
function usePulls(workspaceId: string, user: string, which: Which, query: string) {
  const [listed, setListed] = useState<{ which: Which; rows: Pull[] } | null>(null);
  const rows = listed?.which === which ? listed.rows : null; // of another tab they are no answer
  const [counts, setCounts] = useState<Counts | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [failure, setFailure] = useState("");
  const at = `/workspace/${workspaceId}/pull-requests`;
  const page = useCallback(
    (from: string) => {
      const words = new URLSearchParams({ state: which === "review" || which === "mine" ? "alive" : which });
      if (which === "review") words.set("reviewer", user);
      if (which === "mine") words.set("author", user);
      if (query) words.set("query", query);
      if (from) words.set("cursor", from);
      return get<Page<Pull>>(`${at}?${words}`);
    },
    [at, which, user, query],
  );
  useEffect(() => {
    let left = false;
    const look = inTurn(() =>
      Promise.all([page(""), get<Counts>(`${at}/counts`)]).then(
        ([found, counted]) => {
          if (left) return;
          setListed({ which, rows: found.items });
          setCursor(found.next_cursor);
          setCounts(counted);
          setFailure("");
        },
        (error: Refused) => !left && setFailure(error.message),
      ),
    );
    const first = window.setTimeout(look, query ? PAUSE : 0);
    const again = soon(PAUSE, look);
    const leave = follow((fact: Fact) => {
      const ours = fact.name.startsWith("pull.") && fact.workspace_id === workspaceId;
      if (ours || fact.name === "reset") again();
    });
    return () => {
      left = true;
      leave();
      window.clearTimeout(first);
      again.end();
    };
  }, [page, at, which, query, workspaceId]);
  const end = useRef(rows);
  end.current = rows;
  const more = () =>
    cursor &&
    void page(cursor).then(
      (found) => {
        if (end.current !== rows) return; // it was asked for twice, or the list has begun anew
        end.current = [...(rows ?? []), ...found.items];
        setListed({ which, rows: end.current });
        setCursor(found.next_cursor);
      },
      (error: Refused) => setFailure(error.message),
    );
  return { rows, counts, cursor, failure, more };
}
