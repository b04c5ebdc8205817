// The terminal's protocol on our side: what the server sends as text, and when to acknowledge bytes.

export type Down =
  | { type: "attached"; terminal_id: string; offset: number; pid: number; cols: number; rows: number }
  | { type: "exit"; code?: number | null; signal?: string | null }
  | { type: "resized"; cols: number; rows: number }
  | { type: "lag"; from: number; to: number };

const EVERY = 64 * 1024;

/** Counts bytes: `seen` is what to ask for after a break, and every 64 KiB that were shown are acknowledged. */
export class Acks {
  seen: number;
  private shownTo: number;
  private told: number;

  constructor(offset: number) {
    this.seen = this.shownTo = this.told = offset;
  }

  arrived(bytes: number): void {
    this.seen += bytes;
  }

  /** The offset to acknowledge now, null when it is too early. */
  shown(bytes: number): number | null {
    this.shownTo += bytes;
    if (this.shownTo - this.told < EVERY) return null;
    this.told = this.shownTo;
    return this.told;
  }
}
