// Markdown that people write to each other – tasks, pull requests, comments – shown, and written with @ offering people and teams.
import { marked } from "marked";
import { type KeyboardEvent, useId, useMemo, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { harmless } from "../editor/safe";
import "./markdown.css";

/** Harmless HTML: pictures are named, not loaded – they would tell their server who reads – and links open beside. */
export function pageOf(source: string): string {
  const made = new DOMParser().parseFromString(
    harmless(marked.parse(source, { async: false, gfm: true, breaks: true })),
    "text/html",
  );
  for (const image of made.querySelectorAll("img"))
    image.replaceWith(`[${image.alt || "picture"}: ${image.getAttribute("src") ?? ""}]`);
  for (const link of made.querySelectorAll("a")) {
    if (!/^(https?|mailto):/i.test(link.getAttribute("href") ?? "")) link.removeAttribute("href");
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  return made.body.innerHTML;
}

export function Markdown({ text }: { text: string }) {
  const html = useMemo(() => ({ __html: pageOf(text) }), [text]);
  // biome-ignore lint/security/noDangerouslySetInnerHtml: made harmless above
  return <div className="markdown short" dangerouslySetInnerHTML={html} />;
}

export type Person = { user_id: string; email: string; name: string };

/** A person or a team that @ can name. */
export type Named = { id: string; handle: string; name: string; beside: string };

/** What follows @ to name each of them: the part of the address before its @, the team's name with hyphens for what no word
    has; of what two have the whole address, and of a team nothing. */
export function mentionable(people: Person[], teams: { id: string; name: string }[]): Named[] {
  const all = [
    ...people.map((one) => ({
      id: one.user_id,
      handle: one.email.split("@")[0] ?? "",
      name: one.name,
      beside: one.email,
    })),
    ...teams.map(({ id, name }) => {
      const words = name.toLowerCase().match(/[\p{L}\p{N}_+-]+/gu) ?? [];
      return { id, handle: words.join("-"), name, beside: "team" };
    }),
  ];
  const times = new Map<string, number>();
  for (const { handle } of all) times.set(handle, (times.get(handle) ?? 0) + 1);
  return all
    .map((one) => (times.get(one.handle) === 1 ? one : { ...one, handle: one.beside.includes("@") ? one.beside : "" }))
    .filter((one) => one.handle);
}

/** A text area; @ and the beginning of a name offers people and teams, arrows choose, Enter and Tab take, Escape leaves. */
export function MarkdownField({
  label,
  value,
  named,
  onChange,
  rows = 6,
  hint = "Markdown. @ mentions somebody.",
  autoFocus = false,
  onSend,
  onLeave,
}: {
  label: string;
  value: string;
  named: Named[];
  onChange: (value: string) => void;
  rows?: number;
  hint?: string;
  autoFocus?: boolean;
  onSend?: () => void; // Ctrl-Enter
  onLeave?: () => void; // Escape, where nothing is written
}) {
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const [asked, setAsked] = useState<{ from: number; word: string; chosen: number } | null>(null);
  const word = asked?.word.toLowerCase() ?? "";
  const offered = asked
    ? named.filter((one) =>
        `${one.handle} ${one.beside} ${one.name}`
          .toLowerCase()
          .split(/[\s]+/)
          .some((part) => part.startsWith(word)),
      )
    : [];
  const shown = offered.slice(0, 6);

  const look = () => {
    const box = field.current;
    if (!box) return;
    const before = box.value.slice(0, box.selectionStart);
    const found = /(?:^|[^\w@/.])@([\p{L}\p{N}_.+-]*)$/u.exec(before);
    setAsked(found ? { from: before.length - (found[1]?.length ?? 0), word: found[1] ?? "", chosen: 0 } : null);
  };
  const take = (one: Named) => {
    const box = field.current;
    if (!box || !asked) return;
    const name = `${one.handle} `;
    const at = asked.from + name.length;
    flushSync(() => {
      onChange(value.slice(0, asked.from) + name + value.slice(box.selectionStart));
      setAsked(null);
    });
    box.focus();
    box.setSelectionRange(at, at); // before the next key
  };
  const key = (event: KeyboardEvent) => {
    const one = asked && shown[asked.chosen];
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && onSend) onSend();
    else if (event.key === "Escape" && !value && onLeave) onLeave();
    else if (!asked || !one) return;
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : shown.length - 1;
      setAsked({ ...asked, chosen: (asked.chosen + step) % shown.length });
    } else if (event.key === "Enter" || event.key === "Tab") take(one);
    else if (event.key === "Escape") setAsked(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="writing">
        <textarea
          id={id}
          ref={field}
          rows={rows}
          value={value}
          maxLength={65_000}
          // biome-ignore lint/a11y/noAutofocus: whoever asked to write wants to type
          autoFocus={autoFocus}
          aria-autocomplete="list"
          aria-controls={shown.length ? `${id}-people` : undefined}
          aria-activedescendant={shown.length ? `${id}-${asked?.chosen}` : undefined}
          onChange={(event) => {
            onChange(event.target.value);
            look();
          }}
          onClick={look}
          onBlur={() => setAsked(null)}
          onKeyDown={key}
        />
        {shown.length > 0 && (
          <div className="offered" id={`${id}-people`} role="listbox" aria-label="People and teams">
            {shown.map((one, number) => (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the text area has the keys
              // biome-ignore lint/a11y/useFocusableInteractive: the text area keeps the focus
              <div
                key={one.id}
                id={`${id}-${number}`}
                role="option"
                aria-selected={number === asked?.chosen}
                onMouseDown={(event) => event.preventDefault()}
                onClick={() => take(one)}
              >
                {one.name} <span className="soft">{one.beside}</span>
              </div>
            ))}
          </div>
        )}
      </div>
      <small>{hint}</small>
    </div>
  );
}
