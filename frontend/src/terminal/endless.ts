// Counts beyond all reason: xterm.js does "repeat the last letter", "insert lines" and their like one by one, so that a program
// which asks for a billion stops the page. No screen has use for more than this.
import type { Terminal } from "@xterm/xterm";

const MOST = 5000;
/** REP, IL, DL, SU, SD, CHT, CBT (ECMA-48). */
const COUNTED = ["b", "L", "M", "S", "T", "I", "Z"];

export function refuseEndless(screen: Terminal): void {
  for (const final of COUNTED)
    screen.parser.registerCsiHandler({ final }, ([count]) => typeof count === "number" && count > MOST);
}
