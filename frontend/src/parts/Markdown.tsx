// Markdown that people write to each other – tasks, pull requests, comments – shown, and written with @ offering people.
import { marked } from "marked";
import { type KeyboardEvent, useId, useMemo, useRef, useState } from "react";
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

/** What follows @ to name one of `people`: the part of the address before its @, where only one has that. */
export function handle(of: Person, people: Person[]): string {
  const short = of.email.split("@")[0] ?? "";
  return people.filter((one) => one.email.startsWith(`${short}@`)).length > 1 ? of.email : short;
}

/** A text area; @ and the beginning of a name offers people, arrows choose, Enter and Tab take, Escape leaves. */
export function MarkdownField({
  label,
  value,
  people,
  onChange,
  rows = 6,
  hint = "Markdown. @ mentions somebody.",
  autoFocus = false,
  onSend,
  onLeave,
}: {
  label: string;
  value: string;
  people: Person[];
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
    ? people.filter((one) =>
        `${one.email} ${one.name}`
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
    const found = /(?:^|[^\w@/.])@([\w.+-]*)$/.exec(before);
    setAsked(found ? { from: before.length - (found[1]?.length ?? 0), word: found[1] ?? "", chosen: 0 } : null);
  };
  const take = (one: Person) => {
    const box = field.current;
    if (!box || !asked) return;
    const name = `${handle(one, people)} `;
    onChange(value.slice(0, asked.from) + name + value.slice(box.selectionStart));
    setAsked(null);
    const at = asked.from + name.length;
    requestAnimationFrame(() => {
      box.focus();
      box.setSelectionRange(at, at);
    });
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
          <div className="offered" id={`${id}-people`} role="listbox" aria-label="People">
            {shown.map((one, number) => (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the text area has the keys
              // biome-ignore lint/a11y/useFocusableInteractive: the text area keeps the focus
              <div
                key={one.user_id}
                id={`${id}-${number}`}
                role="option"
                aria-selected={number === asked?.chosen}
                onMouseDown={(event) => event.preventDefault()}
                onClick={() => take(one)}
              >
                {one.name} <span className="soft">{one.email}</span>
              </div>
            ))}
          </div>
        )}
      </div>
      <small>{hint}</small>
    </div>
  );
}
