// What stands where nothing is open: the few keys that lead to everything.
import type { Bench } from "./bench";
import { Keys } from "./Keyboard";
import { commands, keysOf } from "./registry";

const FIRST = ["palette.files", "palette.commands", "view.search", "terminal.new", "help.keys"];

export function Welcome({ bench }: { bench: Bench }) {
  return (
    <div className="welcome">
      <svg viewBox="0 0 16 16" width="56" height="56" aria-hidden="true">
        <path d="M4 5l3 3-3 3M8.5 11.5h4" />
      </svg>
      <ul>
        {FIRST.map((id) => {
          const found = commands.get(id);
          if (!found) return null;
          const keys = keysOf(found)[0];
          return (
            <li key={id}>
              <button type="button" onClick={() => bench.run(id)}>
                <span>{found.title}</span>
                {keys && <Keys keys={keys} />}
              </button>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
