// Small signs of version control: how many files have changed, and the branch in the status bar.
import type { Bench } from "../shell/bench";
import { Icon } from "../shell/icons";
import { useSelected, useStore } from "../shell/store";
import { sourceOf } from "./state";
import { plural } from "./words";

export function Badge({ bench }: { bench: Bench }) {
  const count = useSelected(sourceOf(bench).state, ({ totals }) =>
    Object.values(totals).reduce((sum, total) => sum + total, 0),
  );
  if (count === 0) return null;
  return (
    <span
      aria-hidden
      className="badge drawn"
      data-drawn={count > 99 ? "99+" : count}
      title={`${plural(count, "file")} not committed`}
    />
  );
}

export function BranchStatus({ bench }: { bench: Bench }) {
  const root = useSelected(sourceOf(bench).state, ({ repositories }) => repositories?.[0]);
  const { session } = useStore(bench.info);
  const branch = root ? (root.branch ?? "detached HEAD") : session?.branch;
  if (!branch) return null;
  const { ahead, behind, dirty } = root ?? { ahead: null, behind: null, dirty: false };
  return (
    <button
      type="button"
      title={`On ${branch}${dirty ? ", not all is committed" : ""}`}
      onClick={() => bench.show("changes")}
    >
      <Icon name="branch" size={13} />
      {branch}
      {dirty ? "*" : ""}
      {ahead !== null && behind !== null && ahead + behind > 0 && ` ↑${ahead} ↓${behind}`}
    </button>
  );
}
