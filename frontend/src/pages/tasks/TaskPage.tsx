// One task: what it says, who does it, what it is tied to. What is chosen is saved at once; words, when one says so.
import { useEffect, useRef, useState } from "react";
import { call, get, type Page, type Refused, type Session } from "../../api";
import { oneByOne } from "../../inTurn";
import { Button, Notice } from "../../parts/controls";
import { Link } from "../../parts/Link";
import { Markdown } from "../../parts/Markdown";
import { Sure } from "../../parts/Sure";
import { When } from "../../parts/words";
import { go } from "../../router";
import { Icon } from "../../shell/icons";
import { PageHead } from "../Frame";
import { useLoad } from "../load";
import { Doer, LabelField, labelsOf, StatusChoice, WordsFields } from "./parts";
import type { Fields, Task, TaskLink } from "./types";
import type { Doers } from "./useTasks";

type Pull = { id: string; number: number; title: string };
type Change = Fields | ((now: Task) => Fields);

export function TaskPage({
  workspace,
  number,
  back,
  doers,
  known,
  writes,
}: {
  workspace: string;
  number: string;
  back: string;
  doers: Doers;
  known: string[];
  writes: boolean;
}) {
  const at = `/workspace/${workspace}/tasks/${encodeURIComponent(number)}`;
  const {
    data: there,
    failure,
    load,
  } = useLoad<Task>(
    at,
    /task\./,
    (fact) => fact.name === "task.deleted" && fact.workspace_id === workspace && fact.data.number === Number(number),
  );
  const [wrong, setWrong] = useState("");
  const [writing, setWriting] = useState(false);
  const [deleting, setDeleting] = useState(false);
  // What was chosen and is not saved yet is shown as if it were.
  const [chosen, setChosen] = useState<Fields>({});
  const doing = useRef({ turn: oneByOne(), left: 0 });
  const change = async (wanted: Change) => {
    const { current: queue } = doing;
    queue.left += 1;
    setWrong("");
    if (typeof wanted !== "function") setChosen((old) => ({ ...old, ...wanted }));
    try {
      await queue.turn(async () =>
        call("PUT", at, typeof wanted === "function" ? wanted(await get<Task>(at)) : wanted),
      );
      await load();
      return true;
    } catch (error) {
      setWrong((error as Refused).message);
      return false;
    } finally {
      queue.left -= 1;
      if (queue.left === 0) setChosen({});
    }
  };
  const task = there && { ...there, ...chosen };
  if (!task)
    return (
      <>
        <Link to={back}>← All tasks</Link>
        <Notice text={failure} />
      </>
    );
  return (
    <article className="task" aria-label={`Task ${task.number}`}>
      <Link to={back}>← All tasks</Link>
      <PageHead
        title={task.title}
        lead={
          <>
            #{task.number}, by {task.author.name} <When at={task.created_at} />
          </>
        }
      >
        {writes && !writing && (
          <>
            <Button onClick={() => setWriting(true)}>Edit</Button>
            <Button kind="quiet" onClick={() => setDeleting(true)}>
              Delete
            </Button>
          </>
        )}
      </PageHead>
      <Notice text={wrong || failure} />
      <div className="task-middle">
        <div className="task-words">
          {writing ? (
            <Words task={task} doers={doers} onSave={change} onDone={() => setWriting(false)} />
          ) : task.body ? (
            <Markdown text={task.body} />
          ) : (
            <p className="soft">No description.</p>
          )}
        </div>
        <aside className="task-facts" aria-label="About this task">
          <h2>Status</h2>
          <StatusChoice value={task.status} disabled={!writes} onChange={(status) => void change({ status })} />
          <h2>Assignee</h2>
          <Doer
            label="Assignee"
            doers={doers}
            disabled={!writes}
            value={task.assignee_id ?? task.team_id ?? "none"}
            onChange={(who) => void change(who)}
          />
          <h2>Labels</h2>
          <LabelsOf task={task} known={known} writes={writes} onSave={(labels) => change({ labels })} />
          <h2>Links</h2>
          <Links workspace={workspace} task={task} writes={writes} onSave={change} />
        </aside>
      </div>
      {deleting && (
        <Sure
          title={`Delete “${task.title}”?`}
          verb="Delete"
          act={() => call("DELETE", at).then(() => go(back))}
          onClose={() => setDeleting(false)}
        >
          It is gone for good, its number too.
        </Sure>
      )}
    </article>
  );
}

function Words({
  task,
  doers,
  onSave,
  onDone,
}: {
  task: Task;
  doers: Doers;
  onSave: (fields: Fields) => Promise<boolean>;
  onDone: () => void;
}) {
  const [title, setTitle] = useState(task.title);
  const [body, setBody] = useState(task.body);
  return (
    <form
      onSubmit={async (event) => {
        event.preventDefault();
        if (await onSave({ title, body })) onDone();
      }}
    >
      <WordsFields title={title} body={body} named={doers.named} rows={12} onTitle={setTitle} onBody={setBody} />
      <div className="row end">
        <Button onClick={onDone}>Cancel</Button>
        <Button type="submit" kind="main">
          Save
        </Button>
      </div>
    </form>
  );
}

function LabelsOf({
  task,
  known,
  writes,
  onSave,
}: {
  task: Task;
  known: string[];
  writes: boolean;
  onSave: (labels: string[]) => Promise<boolean>;
}) {
  const there = task.labels.join(", ");
  const [text, setText] = useState(there);
  useEffect(() => setText(there), [there]);
  if (!writes) return <p>{there || <span className="soft">None</span>}</p>;
  const save = () => {
    const labels = labelsOf(text);
    if (labels.join(", ") !== there) void onSave(labels);
  };
  return <LabelField value={text} known={known} onChange={setText} onLeave={save} />;
}

function Links({
  workspace,
  task,
  writes,
  onSave,
}: {
  workspace: string;
  task: Task;
  writes: boolean;
  onSave: (change: Change) => Promise<boolean>;
}) {
  // Whoever may not see them ties none.
  const sessions = useLoad<Page<Session>>(`/sessions/${workspace}/sessions?limit=200`).data?.items ?? [];
  const pulls = useLoad<Page<Pull>>(`/workspace/${workspace}/pull-requests?limit=200`).data?.items ?? [];
  const [url, setUrl] = useState("");
  const shown = (link: TaskLink): { title: string; to: string; icon: "branch" | "pull" | "link" } => {
    if (link.kind === "session") {
      const found = sessions.find((one) => one.id === link.id);
      return { title: found?.name ?? "a session", to: `/s/${link.id}`, icon: "branch" };
    }
    if (link.kind === "pull") {
      const found = pulls.find((one) => one.id === link.id);
      const to = `/w/${workspace}/pulls/${found?.number ?? ""}`;
      return { title: found ? `#${found.number} ${found.title}` : "a pull request", to, icon: "pull" };
    }
    return { title: link.url ?? "", to: link.url ?? "", icon: "link" };
  };
  const add = (link: TaskLink) => onSave((now) => ({ links: [...now.links, link] }));
  const has = (id: string) => task.links.some((one) => one.id === id);
  return (
    <>
      <ul className="task-links">
        {task.links.map((link) => {
          const { title, to, icon } = shown(link);
          return (
            <li key={link.id ?? link.url}>
              <Icon name={icon} />
              {link.kind === "issue" ? (
                <a href={to} target="_blank" rel="noopener noreferrer">
                  {title}
                </a>
              ) : (
                <Link to={to}>{title}</Link>
              )}
              {writes && (
                <Button
                  kind="quiet"
                  aria-label={`Remove link to ${title}`}
                  onClick={() =>
                    void onSave((now) => ({
                      links: now.links.filter((one) => !(one.id === link.id && one.url === link.url)),
                    }))
                  }
                >
                  Remove
                </Button>
              )}
            </li>
          );
        })}
      </ul>
      {!writes && task.links.length === 0 && <p className="soft">None</p>}
      {writes && (
        <>
          <select
            aria-label="Link a session or pull request"
            value=""
            onChange={(event) => {
              const id = event.target.value;
              if (id) void add({ kind: pulls.some((one) => one.id === id) ? "pull" : "session", id, url: null });
            }}
          >
            <option value="">Link a session or pull request…</option>
            <optgroup label="Sessions">
              {sessions.map((one) => (
                <option key={one.id} value={one.id} disabled={has(one.id)}>
                  {one.name}
                </option>
              ))}
            </optgroup>
            {pulls.length > 0 && (
              <optgroup label="Pull requests">
                {pulls.map((one) => (
                  <option key={one.id} value={one.id} disabled={has(one.id)}>
                    #{one.number} {one.title}
                  </option>
                ))}
              </optgroup>
            )}
          </select>
          <form
            className="row"
            onSubmit={async (event) => {
              event.preventDefault();
              if (url.trim() && (await add({ kind: "issue", id: null, url: url.trim() }))) setUrl("");
            }}
          >
            <input
              type="url"
              className="grow"
              aria-label="Address of an issue"
              placeholder="https://… of an issue"
              value={url}
              onChange={(event) => setUrl(event.target.value)}
            />
            <Button type="submit">Link</Button>
          </form>
        </>
      )}
    </>
  );
}
