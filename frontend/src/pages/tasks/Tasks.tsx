// Tasks of a workspace: the board, the list, one task. /tasks/{workspace}/{number}, the workspace by its slug or its id.
import { useState } from "react";
import type { Page, Workspace } from "../../api";
import { Button, Notice } from "../../parts/controls";
import { go } from "../../router";
import { PageHead } from "../Frame";
import { useLoad } from "../load";
import { type PageProps, pathOf } from "../places";
import { Board } from "./Board";
import { NewTask } from "./NewTask";
import { TaskList } from "./TaskList";
import { TaskPage } from "./TaskPage";
import "./tasks.css";
import type { Task } from "./types";
import { useDoers, useTasks } from "./useTasks";

const LAST = "tasks.workspace";
const VIEW = "tasks.view";

export default function Tasks({ organization, rest: [wanted, number] }: PageProps) {
  const { data, failure } = useLoad<Page<Workspace>>("/workspace?limit=200", /workspace\./);
  const rows = data?.items.filter((row) => row.organization_id === organization.id);
  const last = localStorage.getItem(LAST);
  const workspace = wanted
    ? rows?.find((row) => row.slug === wanted || row.id === wanted)
    : (rows?.find((row) => row.id === last) ?? rows?.[0]);
  if (!rows || !workspace)
    return (
      <>
        <PageHead title="Tasks" lead="What is to be done in a workspace, by whom." />
        <Notice text={failure} />
        {rows?.length === 0 && <p className="soft empty">Tasks belong to a workspace: make one first.</p>}
        {rows && rows.length > 0 && <Notice text="There is no such workspace, or it is not yours to see." />}
      </>
    );
  localStorage.setItem(LAST, workspace.id);
  return <OfWorkspace key={workspace.id} {...{ organization, workspace, rows, number }} />;
}

function OfWorkspace({
  organization,
  workspace,
  rows,
  number,
}: Pick<PageProps, "organization"> & { workspace: Workspace; rows: Workspace[]; number: string | undefined }) {
  const board = useTasks(workspace.id);
  const doers = useDoers(organization);
  const mine = useLoad<{ scopes: string[] }>(`/workspace/${workspace.id}/access/mine`, /access|workspace\./);
  const [listed, setListed] = useState(localStorage.getItem(VIEW) === "list");
  const [making, setMaking] = useState(false);
  const [filter, setFilter] = useState({ text: "", who: "", label: "" });
  const writes = mine.data?.scopes.includes("tasks:write") ?? false;
  const known = [...new Set(board.tasks?.flatMap((task) => task.labels))].sort();
  const home = pathOf(organization, "tasks", workspace.slug);
  const linkOf = (task: Task) => `${home}/${task.number}`;
  if (number !== undefined)
    return (
      <TaskPage
        {...{ number, doers, known, writes }}
        key={`${workspace.id} ${number}`}
        workspace={workspace.id}
        back={home}
      />
    );
  const view = (list: boolean) => {
    localStorage.setItem(VIEW, list ? "list" : "board");
    setListed(list);
  };
  const text = filter.text.toLowerCase();
  const fits = (task: Task) =>
    `#${task.number} ${task.title} ${task.body}`.toLowerCase().includes(text) &&
    (!filter.label || task.labels.includes(filter.label)) &&
    (!filter.who || (task.assignee_id ?? task.team_id ?? "none") === filter.who);
  const shown = board.tasks?.filter(fits);
  const narrowed = filter.text || filter.who || filter.label;
  return (
    <div className="tasks-page">
      <PageHead title="Tasks">
        <select
          aria-label="Workspace"
          value={workspace.id}
          onChange={(event) => {
            const chosen = rows.find((row) => row.id === event.target.value);
            if (chosen) go(pathOf(organization, "tasks", chosen.slug));
          }}
        >
          {rows.map((row) => (
            <option key={row.id} value={row.id}>
              {row.name}
            </option>
          ))}
        </select>
        {writes && (
          <Button kind="main" onClick={() => setMaking(true)}>
            New task
          </Button>
        )}
      </PageHead>
      <search className="row wrap tasks-tools">
        <input
          type="search"
          aria-label="Find tasks"
          placeholder="Find tasks"
          value={filter.text}
          onChange={(event) => setFilter({ ...filter, text: event.target.value })}
        />
        <select
          aria-label="Of whom"
          value={filter.who}
          onChange={(event) => setFilter({ ...filter, who: event.target.value })}
        >
          <option value="">Everybody's</option>
          <option value="none">Nobody's</option>
          {doers.people.map((one) => (
            <option key={one.user_id} value={one.user_id}>
              {one.name}
            </option>
          ))}
          {doers.teams.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name}
            </option>
          ))}
        </select>
        <select
          aria-label="With label"
          value={filter.label}
          onChange={(event) => setFilter({ ...filter, label: event.target.value })}
        >
          <option value="">All labels</option>
          {known.map((label) => (
            <option key={label}>{label}</option>
          ))}
        </select>
        <span className="grow" />
        <fieldset className="either">
          <legend className="hidden">Shown as</legend>
          <Button aria-pressed={!listed} onClick={() => view(false)}>
            Board
          </Button>
          <Button aria-pressed={listed} onClick={() => view(true)}>
            List
          </Button>
        </fieldset>
      </search>
      <Notice text={board.failure}>
        <Button onClick={() => void board.load()}>Try again</Button>
      </Notice>
      {board.tasks?.length === 0 && (
        <p className="soft empty">
          No tasks yet. They are made here, by the API, by <code>codeyard task</code>, and by rules of incoming
          webhooks.
        </p>
      )}
      {narrowed && shown?.length === 0 && <p className="soft empty">No task fits.</p>}
      {shown && board.tasks && board.tasks.length > 0 && !listed && (
        <Board tasks={shown} move={board.move} linkOf={linkOf} nameOf={doers.nameOf} writes={writes} />
      )}
      {shown && shown.length > 0 && listed && (
        <TaskList tasks={shown} manage={board.manage} doers={doers} linkOf={linkOf} writes={writes} />
      )}
      {making && (
        <NewTask
          workspace={workspace.id}
          doers={doers}
          known={known}
          onClose={(made) => {
            setMaking(false);
            if (made) void board.load();
          }}
        />
      )}
    </div>
  );
}
