// The workspace's tasks beside the work: one's own first, then the others that are not over.
import { useMe } from "../me";
import { pathOf } from "../pages/places";
import { Notice } from "../parts/controls";
import { Link } from "../parts/Link";
import "../pages/tasks/tasks.css";
import { STATUS_WORDS, type Task } from "../pages/tasks/types";
import { useTasks } from "../pages/tasks/useTasks";
import type { Bench } from "../shell/bench";
import { ViewHead } from "../shell/controls";
import { useStore } from "../shell/store";

export default function TasksView({ bench }: { bench: Bench }) {
  const workspace = useStore(bench.info).workspace;
  if (!workspace) return null;
  return <Open workspace={workspace.id} organization={workspace.organization_id} />;
}

function Open({ workspace, organization }: { workspace: string; organization: string }) {
  const me = useMe();
  const { tasks, failure } = useTasks(workspace);
  const home = me.organizations.find((one) => one.id === organization);
  if (!home) return null;
  const open = tasks?.filter((task) => task.status !== "done" && task.status !== "cancelled");
  const parts: [string, Task[]][] = [
    ["Yours", open?.filter((task) => task.assignee_id === me.user.id) ?? []],
    ["Others", open?.filter((task) => task.assignee_id !== me.user.id) ?? []],
  ];
  return (
    <>
      <ViewHead title="Tasks">
        <Link to={pathOf(home, "tasks", workspace)} className="button quiet">
          Board
        </Link>
      </ViewHead>
      <Notice text={failure} />
      {open?.length === 0 && <p className="soft pad">Nothing is to be done. New tasks are made on the board.</p>}
      {parts.map(([title, rows]) =>
        rows.length === 0 ? null : (
          <section key={title} aria-label={title} className="tasks-beside">
            <h3>{title}</h3>
            <ul>
              {rows.map((task) => (
                <li key={task.id}>
                  <Link to={pathOf(home, "tasks", workspace, String(task.number))} className="task-card">
                    <span className="task-title">{task.title}</span>
                    <span className="task-foot soft">
                      <span>#{task.number}</span>
                      <span>{STATUS_WORDS[task.status]}</span>
                    </span>
                  </Link>
                </li>
              ))}
            </ul>
          </section>
        ),
      )}
    </>
  );
}
