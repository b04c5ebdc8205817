// What one can set, made of what is registered; kept with the account.
import { Fragment, useId, useState } from "react";
import { Notice } from "../parts/controls";
import "../features";
import { best } from "../shell/fuzzy";
import { change, type Setting, settings, trouble, useSetting } from "../shell/settings";
import { useStore } from "../shell/store";
import { PageHead } from "./Frame";

export default function Settings() {
  const [query, setQuery] = useState("");
  const wrong = useStore(trouble);
  const fitting = query
    ? best(query, [...settings.values()], (one) => `${one.group} ${one.title}`, 100).map(({ item }) => item)
    : [...settings.values()];
  const groups = new Map<string, Setting[]>();
  for (const one of fitting) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  return (
    <div className="settings">
      <PageHead title="Settings" lead="They belong to your account and go with you from browser to browser." />
      <input
        type="search"
        aria-label="Find a setting"
        placeholder="Find a setting"
        value={query}
        onChange={(event) => setQuery(event.target.value)}
      />
      <Notice text={wrong} />
      {[...groups].map(([group, rows]) => (
        <Fragment key={group}>
          <h2>{group}</h2>
          {rows.map((one) => (
            <Row key={one.key} of={one} />
          ))}
        </Fragment>
      ))}
      {groups.size === 0 && <p className="soft empty">No setting fits.</p>}
    </div>
  );
}

function Row({ of }: { of: Setting }) {
  const value = useSetting<never>(of.key);
  const id = useId();
  return (
    <div className="setting">
      <div>
        <label htmlFor={id}>{of.title}</label>
        {of.description && <small className="soft">{of.description}</small>}
      </div>
      {of.kind === "switch" && (
        <input
          id={id}
          type="checkbox"
          className="switch"
          checked={value}
          onChange={(event) => change(of.key, event.target.checked)}
        />
      )}
      {of.kind === "number" && (
        <input
          id={id}
          type="number"
          min={of.least}
          max={of.most}
          defaultValue={value}
          onChange={(event) =>
            event.target.validity.valid && event.target.value && change(of.key, event.target.valueAsNumber)
          }
        />
      )}
      {of.kind === "text" && (
        <input
          id={id}
          placeholder={of.placeholder}
          value={value}
          onChange={(event) => change(of.key, event.target.value)}
        />
      )}
      {of.kind === "choice" && (
        <select id={id} value={value} onChange={(event) => change(of.key, event.target.value)}>
          {of.choices.map(([one, label]) => (
            <option key={one} value={one}>
              {label}
            </option>
          ))}
        </select>
      )}
    </div>
  );
}
