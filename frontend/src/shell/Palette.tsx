// The palette: files, commands, and whatever else a finder finds, by a few letters.
import { type KeyboardEvent, useCallback, useEffect, useId, useRef, useState } from "react";
import { Notice } from "../parts/controls";
import type { Bench } from "./bench";
import { best } from "./fuzzy";
import { Icon } from "./icons";
import { Keys } from "./Keyboard";
import { type Found, finder, finders, keysOf, possible } from "./registry";

const SHOWN = 100;
const LATELY = "commands.lately";

const lately = (): string[] => JSON.parse(localStorage.getItem(LATELY) ?? "[]");

finder({
  prefix: ">",
  title: "Commands",
  placeholder: "What to do",
  find: (bench, query) => {
    const used = lately();
    const all = possible(bench)
      .filter((one) => !one.hidden)
      .map((one) => ({ one, title: one.group && one.group !== "General" ? `${one.group}: ${one.title}` : one.title }))
      .sort((a, b) => rank(used, a.one.id) - rank(used, b.one.id));
    return best(query, all, (row) => row.title, SHOWN).map(({ item, fit }) => ({
      id: item.one.id,
      title: item.title,
      icon: item.one.icon,
      keys: keysOf(item.one)[0],
      marks: fit.marks,
      run: () => {
        localStorage.setItem(
          LATELY,
          JSON.stringify([item.one.id, ...used.filter((id) => id !== item.one.id)].slice(0, 12)),
        );
        bench.run(item.one.id);
      },
    }));
  },
});

const rank = (used: string[], id: string) => (used.includes(id) ? used.indexOf(id) : used.length);

/** The finder that the first letters name, and the rest; the one without a prefix takes all others. */
function chosen(text: string) {
  const named = [...finders.values()].find((one) => one.prefix && text.startsWith(one.prefix));
  const found = named ?? finders.get("") ?? finders.get(">");
  return { found, query: named ? text.slice(named.prefix.length) : text };
}

export function Palette({ bench, prefix, onClose }: { bench: Bench; prefix: string; onClose: () => void }) {
  const [text, setText] = useState(prefix);
  const [answer, setAnswer] = useState<{ to: string; rows: Found[]; failure: string } | null>(null);
  const newest = useRef(answer); // drawn a moment later
  const hasty = useRef(false); // Enter came before the answer
  const [at, setAt] = useState(0);
  const dialog = useRef<HTMLDialogElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const { found, query } = chosen(text);
  const rows = answer?.rows ?? null;

  /** At once, not with the event that tells of it: who presses a key in between would open what is about to go. */
  const leave = useCallback(() => {
    dialog.current?.close();
    onClose();
  }, [onClose]);
  const choose = useCallback(
    (row: Found | undefined) => {
      if (!row) return;
      leave();
      row.run();
    },
    [leave],
  );
  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => {
    let left = false;
    const take = (next: Found[], failure = "") => {
      if (left) return;
      newest.current = { to: text, rows: next.slice(0, SHOWN), failure };
      setAnswer(newest.current);
      setAt(0);
      if (hasty.current) choose(next[0]);
    };
    hasty.current = false;
    const rows = found?.find(bench, query.trim()) ?? [];
    if (Array.isArray(rows)) take(rows);
    else rows.then(take, (error: Error) => take([], error.message));
    return () => {
      left = true;
    };
  }, [bench, found, query, text, choose]);
  useEffect(() => {
    list.current?.children[at]?.scrollIntoView({ block: "nearest" });
  }, [at]);

  const key = (event: KeyboardEvent) => {
    const count = rows?.length ?? 0;
    if (event.key === "ArrowDown") setAt(count ? (at + 1) % count : 0);
    else if (event.key === "ArrowUp") setAt(count ? (at + count - 1) % count : 0);
    else if (event.key !== "Enter") return;
    else if (newest.current?.to === text) choose(newest.current.rows[newest.current === answer ? at : 0]);
    else hasty.current = true;
    event.preventDefault();
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog by itself
    <dialog
      ref={dialog}
      className="palette"
      aria-label={found?.title}
      onCancel={leave}
      onClose={leave}
      onClick={(event) => event.target === dialog.current && leave()}
    >
      <div className="palette-box">
        <input
          role="combobox"
          aria-label={found?.title}
          aria-expanded
          aria-controls={id}
          aria-activedescendant={rows?.[at] ? `${id}-${at}` : undefined}
          placeholder={found?.placeholder}
          spellCheck={false}
          autoComplete="off"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={key}
        />
        {answer?.to !== text && <div className="loading" role="progressbar" aria-label="Looking" />}
        <div className="palette-list" role="listbox" id={id} aria-label={found?.title} ref={list}>
          {rows?.map((row, number) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the field above listens to the keys
            <div
              key={row.id}
              id={`${id}-${number}`}
              role="option"
              tabIndex={-1}
              aria-selected={number === at}
              className="palette-row"
              onMouseMove={() => at !== number && setAt(number)}
              onClick={() => choose(row)}
            >
              {row.icon ? <Icon name={row.icon} /> : <span className="no-icon" />}
              <span className="palette-title">
                <Marked text={row.title} marks={row.marks ?? []} />
              </span>
              {row.detail && <span className="soft palette-detail">{row.detail}</span>}
              <span className="grow" />
              {row.keys && <Keys keys={row.keys} />}
            </div>
          ))}
        </div>
        <Notice text={answer?.failure ?? ""} />
        {rows?.length === 0 && !answer?.failure && <p className="soft palette-none">Nothing fits.</p>}
        <p className="palette-foot soft">
          {[...finders.values()]
            .filter((one) => one !== found)
            .map((one) => (
              <button type="button" key={one.prefix} onClick={() => setText(one.prefix)}>
                <kbd>{one.prefix || "⌫"}</kbd> {one.title}
              </button>
            ))}
        </p>
      </div>
    </dialog>
  );
}

export function Marked({ text, marks }: { text: string; marks: number[] }) {
  if (marks.length === 0) return text;
  const hit = new Set(marks);
  const runs: { text: string; hit: boolean; at: number }[] = [];
  [...text].forEach((letter, at) => {
    const last = runs.at(-1);
    if (last && last.hit === hit.has(at)) last.text += letter;
    else runs.push({ text: letter, hit: hit.has(at), at });
  });
  return runs.map((run) => (run.hit ? <b key={run.at}>{run.text}</b> : <span key={run.at}>{run.text}</span>));
}
