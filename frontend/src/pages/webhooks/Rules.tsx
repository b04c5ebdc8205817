// Rules: which events become tasks, and what the tasks say.
import { useState } from "react";
import { Button, Field, Notice } from "../../parts/controls";
import { labelsOf } from "../tasks/parts";
import type { Receiver, Rule } from "./types";

/** A rule as it is typed: lists as lines of text. */
type Draft = {
  key: number;
  events: string;
  where: string;
  title: string;
  body: string;
  labels: string;
  assignee: string;
};

let last = 0;
const draftOf = (rule: Rule): Draft => ({
  key: ++last,
  events: rule.events.join(", "),
  where: Object.entries(rule.where)
    .map(([path, value]) => `${path} = ${[value].flat().join(" | ")}`)
    .join("\n"),
  title: rule.title,
  body: rule.body,
  labels: rule.labels.join(", "),
  assignee: rule.assignee ?? "",
});
const EMPTY: Rule = { events: [], where: {}, title: "{{title}}", body: "{{url}}", labels: [], assignee: null };

function ruleOf(draft: Draft): Rule {
  const where: Rule["where"] = {};
  for (const line of draft.where.split("\n").filter((one) => one.trim())) {
    const [path = "", ...rest] = line.split("=");
    const values = rest
      .join("=")
      .split("|")
      .map((one) => one.trim());
    where[path.trim()] = values.length === 1 ? (values[0] ?? "") : values;
  }
  return {
    events: labelsOf(draft.events),
    where,
    title: draft.title,
    body: draft.body,
    labels: labelsOf(draft.labels),
    assignee: draft.assignee.trim() || null,
  };
}

export function Rules({
  receiver,
  writes,
  onSave,
}: {
  receiver: Receiver;
  writes: boolean;
  onSave: (rules: Rule[]) => Promise<boolean>;
}) {
  const [drafts, setDrafts] = useState(() => receiver.rules.map(draftOf));
  const [changed, setChanged] = useState(false);
  const put = (key: number, fields: Partial<Draft>) => {
    setChanged(true);
    setDrafts((old) => old.map((one) => (one.key === key ? { ...one, ...fields } : one)));
  };
  return (
    <section className="page-part" aria-label="Rules">
      <h2>Rules</h2>
      <p className="soft">
        An event that fits becomes a task. <code>{"{{title}}"}</code>, <code>{"{{url}}"}</code>,{" "}
        <code>{"{{event}}"}</code> and <code>{"{{any.path}}"}</code> of what was sent may stand in title and
        description.
      </p>
      {drafts.length === 0 && (
        <Notice kind="info" text="Without a rule everything is kept, and nothing becomes a task." />
      )}
      <form
        onSubmit={async (event) => {
          event.preventDefault();
          if (await onSave(drafts.map(ruleOf))) setChanged(false);
        }}
      >
        {drafts.map((draft, number) => (
          <fieldset className="rule" key={draft.key} disabled={!writes}>
            <legend>Rule {number + 1}</legend>
            <Field
              label="Events"
              required
              value={draft.events}
              placeholder="issues.opened, pull_request.*"
              hint="Between commas; * stands for anything."
              onChange={(event) => put(draft.key, { events: event.target.value })}
            />
            <label className="field">
              Only where
              <textarea
                rows={Math.max(1, draft.where.split("\n").length)}
                value={draft.where}
                placeholder="issue.state = open | reopened"
                onChange={(event) => put(draft.key, { where: event.target.value })}
              />
            </label>
            <Field
              label="Title of the task"
              required
              maxLength={300}
              value={draft.title}
              onChange={(event) => put(draft.key, { title: event.target.value })}
            />
            <label className="field">
              Description
              <textarea
                rows={2}
                maxLength={5000}
                value={draft.body}
                onChange={(event) => put(draft.key, { body: event.target.value })}
              />
            </label>
            <Field
              label="Labels"
              value={draft.labels}
              hint="Besides those that the provider has."
              onChange={(event) => put(draft.key, { labels: event.target.value })}
            />
            <Field
              label="Assignee"
              value={draft.assignee}
              hint="A member's e-mail address, or what stands before its @; or a team's name."
              onChange={(event) => put(draft.key, { assignee: event.target.value })}
            />
            {writes && (
              <Button
                kind="quiet"
                onClick={() => {
                  setChanged(true);
                  setDrafts(drafts.filter((one) => one !== draft));
                }}
              >
                Remove rule {number + 1}
              </Button>
            )}
          </fieldset>
        ))}
        {writes && (
          <div className="row">
            <Button onClick={() => setDrafts([...drafts, draftOf(EMPTY)])}>Add a rule</Button>
            <Button type="submit" kind="main" disabled={!changed}>
              Save rules
            </Button>
          </div>
        )}
      </form>
    </section>
  );
}
