// Runs commands by their keys, and shows which those are.
import { useEffect } from "react";
import { Button, Dialog } from "../parts/controls";
import type { Bench } from "./bench";
import { matches, named } from "./keys";
import { type Command, commands, keysOf, possible } from "./registry";

const TYPING = "input, textarea, select, [contenteditable=true], .xterm";
const WITH_MODIFIER = /(^|-)((Mod|Ctrl|Meta|Alt)-|F\d)/;
const IN_TERMINAL = /^(Alt-|Mod-Shift-|Mod-Alt-|Meta-|F\d|Mod-P$)/; // a shell wants all others for itself

/** What runs for that key, where the focus is. */
export function commandFor(event: KeyboardEvent, bench: Bench): Command | undefined {
  const at = event.target instanceof Element ? event.target : null;
  const typing = at?.closest(TYPING);
  const terminal = at?.closest(".xterm");
  const fits = (keys: string) => {
    if (typing && !WITH_MODIFIER.test(keys)) return false;
    if (terminal && !IN_TERMINAL.test(keys)) return false;
    return matches(event, keys);
  };
  const inTree = at?.closest("[role=tree]"); // there F2 is about the file, not about the name at the cursor
  const found = possible(bench).filter(
    (one) => !(inTree && one.group === "Code") && !(one.within && !at?.closest(one.within)) && keysOf(one).some(fits),
  );
  return found.find((one) => one.within) ?? found[0];
}

export function useKeys(bench: Bench): void {
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
      const found = commandFor(event, bench);
      if (!found) return;
      event.preventDefault();
      event.stopPropagation();
      void found.run(bench);
    };
    window.addEventListener("keydown", key, true);
    return () => window.removeEventListener("keydown", key, true);
  }, [bench]);
}

export function Keys({ keys }: { keys: string }) {
  return (
    <span className="keys-shown">
      {named(keys).map((word) => (
        <kbd key={word}>{word}</kbd>
      ))}
    </span>
  );
}

/** Keys that the editor and the lists have by themselves. */
const BUILT_IN: [group: string, title: string, keys: string][] = [
  ["Editor", "Complete", "Ctrl-Space"],
  ["Editor", "Select the next same word", "Mod-D"],
  ["Editor", "Move the line", "Alt-ArrowUp"],
  ["Editor", "Leave the editor: Tab indents in it", "Escape-Tab"],
  ["Files", "Menu of the chosen one", "Shift-F10"],
  ["Files", "Rename", "F2"],
  ["Files", "Delete", "Delete"],
  ["Services", "Run, stop, restart the chosen one", "R"],
  ["Services", "Logs, preview, database, terminal", "L"],
];

export function KeyboardMap({ onClose }: { onClose: () => void }) {
  const groups = new Map<string, [title: string, keys: string[]][]>();
  const add = (group: string, title: string, keys: string[]) =>
    groups.set(group, [...(groups.get(group) ?? []), [title, keys]]);
  for (const one of commands.values()) {
    const keys = keysOf(one);
    if (keys.length > 0) add(one.group ?? "General", one.title, keys);
  }
  for (const [group, title, keys] of BUILT_IN) add(group, title, [keys]);
  return (
    <Dialog title="Keyboard" wide onClose={onClose} onSubmit={onClose}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keys */}
      <section className="keymap" aria-label="Keys" tabIndex={0}>
        <div>
          {[...groups].map(([group, rows]) => (
            <section key={group}>
              <h3>{group}</h3>
              <dl>
                {rows.map(([title, keys]) => (
                  <div key={title}>
                    <dt>{title}</dt>
                    <dd>
                      {keys.map((one) => (
                        <Keys key={one} keys={one} />
                      ))}
                    </dd>
                  </div>
                ))}
              </dl>
            </section>
          ))}
        </div>
      </section>
      <div className="row end">
        <Button type="submit" kind="main">
          Close
        </Button>
      </div>
    </Dialog>
  );
}
