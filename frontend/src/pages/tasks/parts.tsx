// What a task's form is made of, wherever it is written.
import { useId } from "react";
import { Field } from "../../parts/controls";
import { MarkdownField } from "../../parts/Markdown";
import { STATUS_WORDS, STATUSES, type Status } from "./types";
import type { Doers } from "./useTasks";

export type Who = { assignee_id: string | null; team_id: string | null };

/** Who does it: a person, a team, nobody. `ask` stands for a choice that is not made yet. */
export function Doer({
  label,
  doers,
  value,
  ask,
  disabled,
  onChange,
}: {
  label: string;
  doers: Doers;
  value: string;
  ask?: string;
  disabled?: boolean;
  onChange: (who: Who) => void;
}) {
  return (
    <select
      aria-label={label}
      value={value}
      disabled={disabled}
      onChange={(event) => {
        const id = event.target.value;
        const team = doers.teams.some((one) => one.id === id);
        onChange({ assignee_id: !team && id !== "none" ? id : null, team_id: team ? id : null });
      }}
    >
      {ask && <option value="">{ask}</option>}
      <option value="none">Nobody</option>
      <optgroup label="People">
        {doers.people.map((one) => (
          <option key={one.user_id} value={one.user_id}>
            {one.name} ({one.email})
          </option>
        ))}
      </optgroup>
      {doers.teams.length > 0 && (
        <optgroup label="Teams">
          {doers.teams.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name}
            </option>
          ))}
        </optgroup>
      )}
    </select>
  );
}

export function StatusChoice({
  value,
  disabled,
  onChange,
}: {
  value: Status;
  disabled?: boolean;
  onChange: (status: Status) => void;
}) {
  return (
    <select
      aria-label="Status"
      value={value}
      disabled={disabled}
      onChange={(event) => onChange(event.target.value as Status)}
    >
      {STATUSES.map((one) => (
        <option key={one} value={one}>
          {STATUS_WORDS[one]}
        </option>
      ))}
    </select>
  );
}

/** Labels as words between commas; those that are in use elsewhere are offered. */
export function LabelField({
  value,
  known,
  onChange,
  onLeave,
}: {
  value: string;
  known: string[];
  onChange: (value: string) => void;
  onLeave?: () => void;
}) {
  const id = useId();
  return (
    <>
      <input
        aria-label="Labels"
        placeholder="Labels, with commas between"
        list={id}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onBlur={onLeave}
        onKeyDown={(event) => event.key === "Enter" && onLeave?.()}
      />
      <datalist id={id}>
        {known.map((label) => (
          <option key={label} value={label} />
        ))}
      </datalist>
    </>
  );
}

export const labelsOf = (text: string): string[] => [
  ...new Set(
    text
      .split(",")
      .map((label) => label.trim().slice(0, 50))
      .filter(Boolean),
  ),
];

/** What a task says: its title and its description. */
export function WordsFields({
  title,
  body,
  named,
  rows,
  onTitle,
  onBody,
}: {
  title: string;
  body: string;
  named: Doers["named"];
  rows?: number;
  onTitle: (title: string) => void;
  onBody: (body: string) => void;
}) {
  return (
    <>
      <Field
        label="Title"
        value={title}
        onChange={(event) => onTitle(event.target.value)}
        required
        maxLength={300}
        autoFocus
      />
      <MarkdownField
        label="Description"
        value={body}
        named={named}
        onChange={onBody}
        rows={rows}
        hint="Markdown. @ mentions somebody; a task of nobody's becomes theirs."
      />
    </>
  );
}
