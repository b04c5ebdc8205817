// Finds in what a terminal has shown.
import type { ISearchOptions, SearchAddon } from "@xterm/addon-search";
import { useEffect, useRef, useState } from "react";
import { Tool } from "../shell/controls";
import { colour } from "../shell/theme";

type How = { caseSensitive: boolean; wholeWord: boolean; regex: boolean };

export function Search({ addon, times, onClose }: { addon: SearchAddon; times: number; onClose: () => void }) {
  const [text, setText] = useState("");
  const [how, setHow] = useState<How>({ caseSensitive: false, wholeWord: false, regex: false });
  const [found, setFound] = useState<{ at: number; of: number } | null>(null);
  const field = useRef<HTMLInputElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked for once more, it takes the focus once more
  useEffect(() => field.current?.select(), [times]);
  useEffect(() => {
    const heard = addon.onDidChangeResults(({ resultIndex, resultCount }) =>
      setFound({ at: resultIndex + 1, of: resultCount }),
    );
    return () => {
      heard.dispose();
      addon.clearDecorations();
    };
  }, [addon]);

  const words = (): ISearchOptions => ({
    ...how,
    decorations: {
      matchBackground: colour("--match"),
      matchOverviewRuler: colour("--warn"),
      activeMatchBackground: colour("--warn"),
      activeMatchColorOverviewRuler: colour("--accent"),
    },
  });
  const valid = () => {
    if (!how.regex) return true;
    try {
      return Boolean(new RegExp(text));
    } catch {
      return false;
    }
  };
  const go = (by: 1 | -1) => {
    if (!text || !valid()) return;
    if (by > 0) addon.findNext(text, words());
    else addon.findPrevious(text, words());
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is looked for, and how, is what starts a search
  useEffect(() => {
    addon.clearDecorations(); // or it goes on with what another way of looking had found
    setFound(null);
    if (text && valid()) addon.findPrevious(text, { ...words(), incremental: true });
  }, [addon, text, how]);

  const flag = (name: keyof How, sign: string, title: string) => (
    <button
      type="button"
      className="tool sign"
      data-drawn={sign}
      aria-pressed={how[name]}
      aria-label={title}
      title={title}
      onClick={() => setHow((old) => ({ ...old, [name]: !old[name] }))}
    />
  );
  return (
    <search className="term-search">
      <input
        type="text"
        aria-label="Find in the terminal"
        placeholder="Find"
        value={text}
        ref={field}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter")
            go(event.shiftKey ? 1 : -1); // what is looked for in a terminal lies above
          else if (event.key === "Escape") onClose();
          else return;
          event.preventDefault();
          event.stopPropagation();
        }}
      />
      <span className="soft small" role="status">
        {!valid() ? "not a pattern" : text && found ? (found.of ? `${found.at || "?"} of ${found.of}` : "none") : ""}
      </span>
      {flag("caseSensitive", "Aa", "Upper and lower case differ")}
      {flag("wholeWord", "ab|", "Whole words")}
      {flag("regex", ".*", "A pattern (regular expression)")}
      <Tool icon="up" label="Previous (Enter)" onClick={() => go(-1)} />
      <Tool icon="down" label="Next (Shift Enter)" onClick={() => go(1)} />
      <Tool icon="close" label="Close the search (Escape)" onClick={onClose} />
    </search>
  );
}
