// Where a pull request is merged, or what keeps it from that and what to do about it; closing, and opening it again.
import { type ReactNode, useEffect, useState } from "react";
import { call, get, post } from "../api";
import { HOST_WORDS } from "../pages/integrations/types";
import { Button, Dialog, Field } from "../parts/controls";
import { Link } from "../parts/Link";
import { Icon, type IconName } from "../shell/icons";
import { useStore } from "../shell/store";
import { ago, plural } from "../source/words";
import type { Desk } from "./desk";
import { Select } from "./Form";
import { nameOf, type Room } from "./room";
import type { Blocker, Check, Method, Mirror, Pull, Rules } from "./types";
import { Writer } from "./Writer";

const METHODS: [Method, string, string][] = [
  ["merge", "Merge", "All commits, joined by one of both sides."],
  ["squash", "Squash and merge", "One commit with all of it."],
  ["rebase", "Rebase and merge", "Its commits one by one on top of the base."],
];
const HOW: Record<string, string> = { merge: "merged", squash: "squashed", rebase: "rebased" };
type Props = {
  desk: Desk;
  pull: Pull;
  room: Room;
  here: string | null; // the session in whose workbench one is
  onConflicts: () => void;
  onAsk: () => void;
};

export function MergeBox(props: Props) {
  const { desk, pull, room, here } = props;
  const may = (scope: string) => room.scopes.has(scope);
  const [asking, setAsking] = useState<"rules" | "into" | null>(null);
  const alive = pull.state === "open" || pull.state === "draft";
  return (
    <section className={`merge-box ${pull.state}`} aria-label="Merging">
      {pull.state === "merged" && <Merged pull={pull} room={room} />}
      {pull.state === "closed" && <p>It was closed without being merged.</p>}
      {alive && <Blockers {...props} />}
      <Checks desk={desk} />
      <Twin desk={desk} pull={pull} write={may("pulls:write")} />
      {alive && may("pulls:write") && <Merge desk={desk} pull={pull} />}
      <div className="row merge-others">
        {alive && may("pulls:write") && (
          <Button onClick={() => desk.change({ state: "closed" }, "Closed.")}>Close without merging</Button>
        )}
        {pull.state === "closed" && may("pulls:write") && (
          <Button
            disabled={pull.blocked_by.includes("session_gone")}
            onClick={() => desk.change({ state: "open" }, "Opened again.")}
          >
            Open again
          </Button>
        )}
        {pull.head_session_id && may("vcs:write") && (
          <Button onClick={() => setAsking("into")}>Pull into a session…</Button>
        )}
        {pull.base_session_id && may("admin") && <Button onClick={() => setAsking("rules")}>Rules…</Button>}
        <Button kind="quiet" onClick={() => desk.attempt(() => post(`${desk.at}/refresh`), "Looked again.")}>
          Refresh
        </Button>
      </div>
      {asking === "into" && (
        <PullInto desk={desk} pull={pull} room={room} here={here} onClose={() => setAsking(null)} />
      )}
      {asking === "rules" && <BranchRules desk={desk} pull={pull} onClose={() => setAsking(null)} />}
    </section>
  );
}

function Merged({ pull, room }: { pull: Pull; room: Room }) {
  const by = room.people.find((person) => person.user_id === pull.merged_by)?.name;
  const how =
    pull.merge_method === "elsewhere"
      ? "It was closed as merged: the base has all of its commits by another way."
      : `It was ${HOW[pull.merge_method ?? ""] ?? "merged"} into ${pull.base_branch}${by ? ` by ${by}` : ""}.`;
  return (
    <p className="row">
      <Icon name="check" />
      <span>
        {how} {pull.merge_commit && <code>{pull.merge_commit.slice(0, 10)}</code>}{" "}
        {pull.base_session_id && (
          <Link className="link" to={`/s/${pull.base_session_id}`}>
            Open {nameOf(room, pull.base_session_id) ?? "its session"}
          </Link>
        )}
      </span>
    </p>
  );
}

/** Why not, and what to do. */
function Blockers({ desk, pull, room, onConflicts, onAsk }: Props) {
  const write = room.scopes.has("pulls:write");
  const names = (people: { name: string }[]) => people.map((one) => one.name).join(", ");
  const told: Record<Exclude<Blocker, "ended">, [text: string, remedy: ReactNode]> = {
    session_gone: ["A session of it is deleted: restore it from the bin of its workspace.", null],
    draft: [
      "It is a draft.",
      <Button key="ready" onClick={() => desk.change({ draft: false }, "It is ready.")}>
        Ready for review
      </Button>,
    ],
    conflicts: [
      `Both sides changed the same lines of ${plural(pull.conflicts.length, "file")}: ${pull.conflicts.slice(0, 5).join(", ")}.`,
      <Button key="settle" kind="main" onClick={onConflicts}>
        Settle the conflicts
      </Button>,
    ],
    approvals: [
      `It has ${pull.approved_by.length} of the ${plural(pull.required_approvals, "approval")} that ${pull.base_branch} wants.`,
      <Button key="ask" onClick={onAsk}>
        Ask for a review
      </Button>,
    ],
    changes_requested: [
      `${names(pull.changes_requested_by)} asked for changes: they approve once these are made.`,
      null,
    ],
  };
  const blockers = pull.blocked_by.filter((one) => one !== "ended");
  return (
    <ul className="blockers">
      {pull.approved_by.length > 0 && (
        <li className="good">
          <Icon name="check" />
          <span>Approved by {names(pull.approved_by)}.</span>
        </li>
      )}
      {blockers.map((one) => (
        <li key={one}>
          <Icon name="warning" />
          <span>{told[one][0]}</span>
          {write && told[one][1]}
        </li>
      ))}
      {blockers.length === 0 && (
        <li className="good">
          <Icon name="check" />
          <span>Nothing is in its way.</span>
        </li>
      )}
    </ul>
  );
}

const CHECKED: Record<Check["state"], [words: string, icon: IconName]> = {
  success: ["passed", "check"],
  failure: ["failed", "error"],
  pending: ["runs", "history"],
  cancelled: ["was cancelled", "close"],
};

/** What CI says of the head. */
function Checks({ desk }: { desk: Desk }) {
  const { checks } = useStore(desk.state);
  if (checks.length === 0) return null;
  return (
    <ul className="blockers" aria-label="Checks">
      {checks.map((check) => (
        <li key={check.id} className={check.state === "success" ? "good" : ""}>
          <Icon name={CHECKED[check.state][1]} />
          <span>
            {/^https?:/.test(check.url) ? (
              <a className="link" href={check.url} target="_blank" rel="noopener noreferrer">
                {check.name}
              </a>
            ) : (
              check.name
            )}{" "}
            {CHECKED[check.state][0]}
            {check.description && <span className="soft"> {check.description}</span>}
          </span>
        </li>
      ))}
    </ul>
  );
}

const TWIN: Record<Mirror["state"], string> = {
  opening: "is being opened there",
  in_step: "is in step",
  waiting: "is tried again by itself",
  failed: "is not in step",
};

/** Its twin at the provider: where it is, whether both are in step, and what to do where they are not. */
function Twin({ desk, pull, write }: { desk: Desk; pull: Pull; write: boolean }) {
  const { mirror } = pull;
  if (!mirror) return null;
  const { error } = mirror;
  const takeTheirs = () =>
    desk.attempt(async () => {
      await post(`/workspace/${pull.head_session_id}/version-controls/pull`, { repository: pull.repository });
      await post(`${desk.at}/refresh`);
    }, "Both are together.");
  const there = mirror.provider ? HOST_WORDS[mirror.provider] : "";
  const name = mirror.number === null ? "Its mirror" : `Its mirror, ${there} #${mirror.number},`;
  return (
    <ul className="blockers" aria-label="Mirror">
      <li className={mirror.state === "in_step" ? "good" : ""}>
        <Icon name={mirror.state === "in_step" ? "check" : "warning"} />
        <span>
          {mirror.url && /^https?:/.test(mirror.url) ? (
            <a className="link" href={mirror.url} target="_blank" rel="noopener noreferrer">
              {name}
            </a>
          ) : (
            name
          )}{" "}
          {TWIN[mirror.state]}
          {mirror.last_synced_at &&
            `${mirror.state === "in_step" ? ", as of" : "; it last was"} ${ago(mirror.last_synced_at)}`}
          .
        </span>
        {write && (
          <Button
            kind="quiet"
            onClick={() => desk.attempt(() => call("DELETE", `${desk.at}/mirror`), "The mirror is left.")}
          >
            Leave the mirror
          </Button>
        )}
        {error && (
          <div className="mirror-error">
            <p>{error.cause}</p>
            <p className="soft">{error.remedy}</p>
            {write && error.code === "diverged" && pull.head_session_id && (
              <Button kind="main" onClick={takeTheirs}>
                Take theirs into the session
              </Button>
            )}
            {write && error.code !== "diverged" && mirror.state === "failed" && (
              <Button onClick={() => desk.attempt(() => post(`${desk.at}/mirror`), "Tried again.")}>
                Go on by my connection
              </Button>
            )}
          </div>
        )}
      </li>
    </ul>
  );
}

function Merge({ desk, pull }: { desk: Desk; pull: Pull }) {
  const busy = useStore(desk.busy);
  const [method, setMethod] = useState<Method>("merge");
  const [message, setMessage] = useState<string | null>(null);
  const merge = () =>
    desk.attempt(
      () =>
        post(`${desk.at}/merge`, {
          method,
          expected_head: pull.head_commit,
          ...(message === null ? {} : { message }),
        }),
      "Merged.",
    );
  return (
    <div className="merge-now">
      <Select
        label="How"
        value={method}
        onChange={(value) => setMethod(value as Method)}
        hint={METHODS.find(([one]) => one === method)?.[2]}
      >
        {METHODS.map(([value, title]) => (
          <option key={value} value={value}>
            {title}
          </option>
        ))}
      </Select>
      {message === null ? (
        method !== "rebase" && (
          <Button kind="quiet" onClick={() => setMessage(pull.body)}>
            Edit the message…
          </Button>
        )
      ) : (
        <Writer label="Beneath the title" value={message} onChange={setMessage} rows={3} />
      )}
      <Button kind="main" disabled={busy || pull.blocked_by.length > 0} onClick={merge}>
        {METHODS.find(([one]) => one === method)?.[1]}
      </Button>
    </div>
  );
}

function PullInto({
  desk,
  pull,
  room,
  here,
  onClose,
}: { onClose: () => void } & Pick<Props, "desk" | "pull" | "room" | "here">) {
  const others = room.sessions.filter((one) => one.id !== pull.head_session_id && one.status === "ready");
  const [session, setSession] = useState(others.find((one) => one.id === here)?.id ?? others[0]?.id ?? "");
  const submit = async () => {
    onClose();
    const at = `/workspace/${desk.workspaceId}/sessions/${session}/pull-requests/${desk.number}/pull-into-session`;
    await desk.attempt(() => post(at), `${nameOf(room, session)} has its commits now.`);
  };
  return (
    <Dialog title="Pull into a session" onClose={onClose} onSubmit={submit}>
      <p>To try it there: its commits are merged into that session. The pull request stays as it is.</p>
      <Select label="Session" value={session} onChange={setSession}>
        {others.map((one) => (
          <option key={one.id} value={one.id}>
            {one.name} ({one.branch})
          </option>
        ))}
      </Select>
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main" disabled={!session}>
          Pull
        </Button>
      </div>
    </Dialog>
  );
}

function BranchRules({ desk, pull, onClose }: { desk: Desk; pull: Pull; onClose: () => void }) {
  const at = `/workspace/${desk.workspaceId}/sessions/${pull.base_session_id}/pull-requests/rules`;
  const [rules, setRules] = useState<Rules | null>(null);
  useEffect(() => {
    void desk.attempt(async () => setRules(await get<Rules>(at)));
  }, [desk, at]);
  const save = async () => {
    onClose();
    await desk.attempt(() => call("PUT", at, rules), "The rules are set.");
  };
  if (!rules) return null;
  return (
    <Dialog title={`What merging into ${pull.base_branch} needs`} onClose={onClose} onSubmit={save}>
      <Field
        label="Approvals"
        type="number"
        min={0}
        max={10}
        value={rules.required_approvals}
        autoFocus
        hint="By others than the author. With any wanted, a request for changes blocks, too."
        onChange={(event) => setRules({ ...rules, required_approvals: event.target.valueAsNumber || 0 })}
      />
      <label className="row">
        <input
          type="checkbox"
          checked={rules.dismiss_stale}
          onChange={(event) => setRules({ ...rules, dismiss_stale: event.target.checked })}
        />
        An approval counts for the commits that it was given for only
      </label>
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main">
          Save
        </Button>
      </div>
    </Dialog>
  );
}
