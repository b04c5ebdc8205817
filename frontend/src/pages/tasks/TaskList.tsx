// The list: sorted by any column, with many chosen and changed at once.
import { useState } from "react";
import { Button } from "../../parts/controls";
import { Link } from "../../parts/Link";
import { When } from "../../parts/words";
import { plural } from "../../source/words";
import { Labels } from "./Board";
import { Doer } from "./parts";
import { STATUS_WORDS, STATUSES, type Status, type Task } from "./types";
import type { Doers, Board as Tasks } from "./useTasks";

const COLUMNS = ["number", "title", "status", "assignee", "updated"] as const;
type Column = (typeof COLUMNS)[number];
const WORDS: Record<Column, string> = {
  number: "Number",
  title: "Title",
  status: "Status",
  assignee: "Assignee",
  updated: "Changed",
};

export function TaskList({
  tasks,
  manage,
  doers,
  linkOf,
  writes,
}: {
  tasks: Task[];
  manage: Tasks["manage"];
  doers: Doers;
  linkOf: (task: Task) => string;
  writes: boolean;
}) {
  const [by, setBy] = useState<Column>("number");
  const [down, setDown] = useState(true);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const worth: Record<Column, (task: Task) => string | number> = {
    number: (task) => task.number,
    title: (task) => task.title.toLowerCase(),
    status: (task) => STATUSES.indexOf(task.status),
    assignee: (task) => doers.nameOf(task).toLowerCase(),
    updated: (task) => Date.parse(task.updated_at),
  };
  const rows = [...tasks].sort((a, b) => {
    const [one, other] = [worth[by](a), worth[by](b)];
    const order = one < other ? -1 : one > other ? 1 : a.number - b.number;
    return down ? -order : order;
  });
  const those = rows.filter((task) => chosen.has(task.id));
  const sort = (column: Column) => {
    setDown(column === by ? !down : false);
    setBy(column);
  };
  const choose = (id: string, on: boolean) => {
    const next = new Set(chosen);
    if (on) next.add(id);
    else next.delete(id);
    setChosen(next);
  };
  return (
    <>
      {those.length > 0 && <Bulk chosen={those} manage={manage} doers={doers} onDone={() => setChosen(new Set())} />}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keys */}
      <section className="sideways" aria-label="Tasks" tabIndex={0}>
        <table className="page-table tasks">
          <thead>
            <tr>
              {writes && (
                <th scope="col">
                  <input
                    type="checkbox"
                    aria-label="Choose all"
                    checked={those.length === rows.length && rows.length > 0}
                    onChange={(event) => setChosen(new Set(event.target.checked ? rows.map((one) => one.id) : []))}
                  />
                </th>
              )}
              {COLUMNS.map((column) => (
                <th scope="col" key={column} aria-sort={column !== by ? undefined : down ? "descending" : "ascending"}>
                  <button type="button" className="sorter" onClick={() => sort(column)}>
                    {WORDS[column]} {column === by && <span aria-hidden>{down ? "↓" : "↑"}</span>}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((task) => (
              <tr key={task.id}>
                {writes && (
                  <td>
                    <input
                      type="checkbox"
                      aria-label={`Choose ${task.number}`}
                      checked={chosen.has(task.id)}
                      onChange={(event) => choose(task.id, event.target.checked)}
                    />
                  </td>
                )}
                <td className="soft">{task.number}</td>
                <th scope="row">
                  <Link to={linkOf(task)}>{task.title}</Link>
                  <Labels of={task.labels} />
                </th>
                <td>{STATUS_WORDS[task.status]}</td>
                <td>{doers.nameOf(task) || <span className="soft">Nobody</span>}</td>
                <td className="soft">
                  <When at={task.updated_at} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

function Bulk({
  chosen,
  manage,
  doers,
  onDone,
}: {
  chosen: Task[];
  manage: Tasks["manage"];
  doers: Doers;
  onDone: () => void;
}) {
  const [label, setLabel] = useState("");
  const [sure, setSure] = useState(false);
  const all = async (what: Record<string, unknown>) => {
    const ids = chosen.map((task) => task.id);
    for (let at = 0; at < ids.length; at += 200) await manage(ids.slice(at, at + 200), what);
  };
  return (
    <section className="bulk" aria-label="Chosen tasks">
      <strong>{plural(chosen.length, "task")} chosen</strong>
      <select aria-label="Set status" value="" onChange={(event) => void all({ status: event.target.value as Status })}>
        <option value="">Set status…</option>
        {STATUSES.map((one) => (
          <option key={one} value={one}>
            {STATUS_WORDS[one]}
          </option>
        ))}
      </select>
      <Doer label="Assign" doers={doers} value="" ask="Assign…" onChange={(who) => void all(who)} />
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          if (label.trim()) void all({ add_labels: [label.trim()] });
          setLabel("");
        }}
      >
        <input
          aria-label="Add label"
          placeholder="Add label"
          maxLength={50}
          value={label}
          onChange={(event) => setLabel(event.target.value)}
        />
      </form>
      <span className="grow" />
      <Button
        kind={sure ? "danger" : "plain"}
        onBlur={() => setSure(false)}
        onClick={() => (sure ? void all({ delete: true }).then(onDone) : setSure(true))}
      >
        {sure ? `Delete ${chosen.length} for good` : "Delete"}
      </Button>
      <Button onClick={onDone}>Choose none</Button>
    </section>
  );
}
