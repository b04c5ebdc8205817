// What stands where nothing is open: what the clone lacks that the session was made by, the few keys that lead to everything.
import { Notice } from "../parts/controls";
import type { Bench } from "./bench";
import { Keys } from "./Keyboard";
import { commands, keysOf } from "./registry";
import { useSelected } from "./store";

const FIRST = ["palette.files", "palette.commands", "view.search", "terminal.new", "help.keys"];

export function Welcome({ bench }: { bench: Bench }) {
  const lacks = useSelected(bench.info, ({ session }) => session?.status === "ready" && session.status_reason?.message);
  return (
    <div className="welcome">
      {lacks && <Notice kind="info" text={lacks} />}
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
