// A new task.
import { useState } from "react";
import { post, type Refused } from "../../api";
import { Button, Dialog, Notice } from "../../parts/controls";
import { Doer, LabelField, labelsOf, StatusChoice, type Who, WordsFields } from "./parts";
import type { Status, Task } from "./types";
import type { Doers } from "./useTasks";

export function NewTask({
  workspace,
  doers,
  known,
  onClose,
}: {
  workspace: string;
  doers: Doers;
  known: string[];
  onClose: (made?: Task) => void;
}) {
  const [title, setTitle] = useState("");
  const [body, setBody] = useState("");
  const [status, setStatus] = useState<Status>("todo");
  const [who, setWho] = useState<Who>({ assignee_id: null, team_id: null });
  const [labels, setLabels] = useState("");
  const [failure, setFailure] = useState("");
  const create = () =>
    post<Task>(`/workspace/${workspace}/tasks`, { title, body, status, ...who, labels: labelsOf(labels) }).then(
      onClose,
      (error: Refused) => setFailure(error.message),
    );
  return (
    <Dialog title="New task" wide onClose={() => onClose()} onSubmit={create}>
      <WordsFields title={title} body={body} named={doers.named} onTitle={setTitle} onBody={setBody} />
      <div className="row wrap">
        <StatusChoice value={status} onChange={setStatus} />
        <Doer label="Assignee" doers={doers} value={who.assignee_id ?? who.team_id ?? "none"} onChange={setWho} />
        <LabelField value={labels} known={known} onChange={setLabels} />
      </div>
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={() => onClose()}>Cancel</Button>
        <Button type="submit" kind="main">
          Create
        </Button>
      </div>
    </Dialog>
  );
}
