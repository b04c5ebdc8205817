// How a file has changed, as one letter. Names of rows say it in words, so the letter is drawn, not written.
import type { Status } from "./types";
import { LETTER, STATUS_WORDS } from "./words";

export const Letter = ({ status }: { status: Status }) => (
  <b aria-hidden className={`letter ${status}`} data-drawn={LETTER[status]} title={STATUS_WORDS[status]} />
);
