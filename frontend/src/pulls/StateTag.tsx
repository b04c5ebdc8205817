// In which state a pull request is, as a word with a colour.
import type { PullState } from "./types";

export const STATE_WORDS: Record<PullState, string> = {
  open: "Open",
  draft: "Draft",
  merged: "Merged",
  closed: "Closed",
};

export const StateTag = ({ state }: { state: PullState }) => (
  <span className={`state ${state}`}>{STATE_WORDS[state]}</span>
);
