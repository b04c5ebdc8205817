// Which facts a webhook sends: all, whole kinds, or single ones, chosen from the server's catalogue.
import type { Organization, Page } from "../../api";
import { useLoad } from "../load";
import type { EventKind } from "./types";

export function EventsField({
  organization,
  value,
  onChange,
}: {
  organization: Organization;
  value: string[];
  onChange: (events: string[]) => void;
}) {
  const { data } = useLoad<Page<EventKind>>(`/organizations/${organization.id}/webhook-events`);
  const groups = new Map<string, EventKind[]>();
  for (const kind of data?.items ?? []) {
    const group = kind.name.split(".")[0] ?? "";
    groups.set(group, [...(groups.get(group) ?? []), kind]);
  }
  const put = (name: string, on: boolean) => onChange(on ? [...value, name] : value.filter((one) => one !== name));
  return (
    <fieldset className="events" aria-busy={!data}>
      <legend>Events</legend>
      <p className="soft">
        {value.length === 0 ? "All events. Choose some to send only these." : `${value.join(", ")}`}
      </p>
      {[...groups].map(([group, kinds]) => {
        const whole = value.includes(`${group}.*`);
        const chosen = whole || kinds.some((kind) => value.includes(kind.name));
        return (
          <div className="event-group" key={group}>
            <label>
              <input
                type="checkbox"
                checked={whole}
                onChange={(event) => {
                  const others = value.filter((one) => !one.startsWith(`${group}.`));
                  onChange(event.target.checked ? [...others, `${group}.*`] : others);
                }}
              />{" "}
              {group}.*
            </label>
            <details open={chosen && !whole}>
              <summary className="soft">
                {kinds.length}
                <span className="hidden"> of {group}</span>
              </summary>
              <ul className="checks">
                {kinds.map((kind) => (
                  <li key={kind.name}>
                    <label>
                      <input
                        type="checkbox"
                        disabled={whole}
                        checked={whole || value.includes(kind.name)}
                        onChange={(event) => put(kind.name, event.target.checked)}
                      />{" "}
                      <code>{kind.name}</code> <span className="soft">{kind.description}</span>
                    </label>
                  </li>
                ))}
              </ul>
            </details>
          </div>
        );
      })}
    </fieldset>
  );
}
