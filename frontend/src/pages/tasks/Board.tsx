// The board: a column for each status, cards that are dragged, or moved by Shift and the arrows.
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { Link } from "../../parts/Link";
import { STATUS_WORDS, STATUSES, type Status, type Task } from "./types";
import type { Board as Tasks } from "./useTasks";

type Columns = Record<Status, Task[]>;
const columnsOf = (tasks: Task[]): Columns => {
  const made: Columns = { todo: [], in_progress: [], in_review: [], done: [], cancelled: [] };
  for (const task of tasks) made[task.status].push(task);
  return made;
};

export function Board({
  tasks,
  move,
  linkOf,
  nameOf,
  writes,
}: {
  tasks: Task[];
  move: Tasks["move"];
  linkOf: (task: Task) => string;
  nameOf: (task: Task) => string;
  writes: boolean;
}) {
  const columns = columnsOf(tasks);
  const board = useRef<HTMLDivElement>(null);
  const [held, setHeld] = useState<Task | null>(null);
  const [over, setOver] = useState<{ status: Status; at: number } | null>(null);
  const [said, setSaid] = useState("");
  const follow = useRef<string | null>(null);

  // A card that was moved by keys keeps the focus in its new place.
  useEffect(() => {
    if (follow.current) cardOf(board.current, follow.current)?.focus();
  });

  const put = (task: Task, status: Status, at: number) => {
    const column = columns[status].filter((one) => one.id !== task.id);
    const place = Math.max(0, Math.min(at, column.length));
    setSaid(`${task.title}: ${STATUS_WORDS[status]}, ${place + 1} of ${column.length + 1}`);
    void move(task, status, column[place - 1] ?? null);
  };
  const key = (event: KeyboardEvent, task: Task) => {
    const sideways = { ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0;
    const down = { ArrowUp: -1, ArrowDown: 1 }[event.key] ?? 0;
    if (!sideways && !down) return;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const at = columns[task.status].indexOf(task);
    const status = STATUSES[STATUSES.indexOf(task.status) + sideways];
    if (event.shiftKey) {
      if (!writes || !status) return;
      if (down && !columns[status][at + down]) return;
      follow.current = task.id;
      put(task, status, sideways ? 0 : at + down);
    } else {
      follow.current = null;
      const next = down ? columns[task.status][at + down] : nearest(columns, task, sideways, at);
      if (next) cardOf(board.current, next.id)?.focus();
    }
  };
  const drop = (status: Status, at: number) => {
    if (held) {
      // places are counted with the card itself, where it comes from above in the same column
      const from = columns[status].findIndex((one) => one.id === held.id);
      put(held, status, from >= 0 && from < at ? at - 1 : at);
    }
    setHeld(null);
    setOver(null);
  };

  return (
    <>
      <p className="hidden" role="status">
        {said}
      </p>
      {writes && (
        <p className="soft board-keys">
          Drag a card, or move it by <kbd>Shift</kbd> and the arrows.
        </p>
      )}
      <div className="board" ref={board}>
        {STATUSES.map((status) => (
          <section
            key={status}
            className={over?.status === status ? "column over" : "column"}
            aria-label={STATUS_WORDS[status]}
            onDragOver={(event) => {
              if (!held) return;
              event.preventDefault();
              setOver({ status, at: placeAt(event.currentTarget, event.clientY) });
            }}
            onDrop={(event) => {
              event.preventDefault();
              drop(status, placeAt(event.currentTarget, event.clientY)); // `over` may be of a moment before
            }}
          >
            <h2>
              {STATUS_WORDS[status]} <span className="soft">{columns[status].length}</span>
            </h2>
            <ol>
              {columns[status].map((task, number) => (
                <li key={task.id} className={over?.status === status && over.at === number ? "before" : ""}>
                  <Link
                    to={linkOf(task)}
                    className={held?.id === task.id ? "task-card held" : "task-card"}
                    data-task={task.id}
                    draggable={writes}
                    onDragStart={(event) => {
                      event.dataTransfer.setData("text/plain", task.title);
                      event.dataTransfer.effectAllowed = "move";
                      setHeld(task);
                    }}
                    onDragEnd={() => {
                      setHeld(null);
                      setOver(null);
                    }}
                    onKeyDown={(event) => key(event, task)}
                    onBlur={() => {
                      follow.current = null;
                    }}
                  >
                    <span className="task-title">{task.title}</span>
                    <Labels of={task.labels} />
                    <span className="task-foot">
                      <span className="soft">#{task.number}</span>
                      <span>{nameOf(task)}</span>
                    </span>
                  </Link>
                </li>
              ))}
            </ol>
          </section>
        ))}
      </div>
    </>
  );
}

export function Labels({ of }: { of: string[] }) {
  if (of.length === 0) return null;
  return (
    <span className="labels">
      {of.map((label) => (
        <span className="label" key={label}>
          {label}
        </span>
      ))}
    </span>
  );
}

const cardOf = (board: HTMLElement | null, id: string) => board?.querySelector<HTMLElement>(`[data-task="${id}"]`);

/** The place in a column that a pointer at `y` means. */
function placeAt(column: HTMLElement, y: number): number {
  const cards = [...column.querySelectorAll("li")];
  const found = cards.findIndex((card) => {
    const { top, height } = card.getBoundingClientRect();
    return y < top + height / 2;
  });
  return found < 0 ? cards.length : found;
}

/** The card beside, in the next column that has any. */
function nearest(columns: Columns, task: Task, step: number, at: number): Task | undefined {
  for (let number = STATUSES.indexOf(task.status) + step; ; number += step) {
    const status = STATUSES[number];
    if (!status) return undefined;
    const column = columns[status];
    if (column.length > 0) return column[Math.min(at, column.length - 1)];
  }
}
