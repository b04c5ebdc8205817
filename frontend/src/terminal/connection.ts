// One terminal's socket: shows what comes, sends what is typed, comes back by itself after a break with what was missed.
import { again, hurry } from "../again";
import { get, hangUp, type Page, post, type Refused, socketUrl, type TerminalRow } from "../api";
import { Acks, type Down } from "./protocol";
import type { Service } from "./tabs";

const LONGEST_PAUSE = 10_000; // ms
const MOST_EARLY = 200; // pieces typed before the terminal is there

export type Told = {
  attached: (id: string) => void;
  /** Shows bytes; calls `done` once they are on the screen. */
  output: (bytes: Uint8Array, done: () => void) => void;
  resized: (cols: number, rows: number) => void;
  ended: (how: string) => void;
  /** Why it does not answer; empty when it does. */
  trouble: (text: string) => void;
};

export class Connection {
  private socket: WebSocket | undefined;
  private acks = new Acks(0);
  private pause = 250;
  private giveUp: () => void = () => undefined;
  private over = false;
  private attached = false; // once at least
  private up = false; // now
  private early: Uint8Array<ArrayBuffer>[] = [];
  private readonly encoder = new TextEncoder();

  constructor(
    private readonly sessionId: string,
    private id: string | null,
    private readonly service: Service | null,
    private readonly size: () => { cols: number; rows: number },
    private readonly told: Told,
  ) {
    this.open();
  }

  type(text: string): void {
    this.send(this.encoder.encode(text));
  }

  bytes(text: string): void {
    this.send(Uint8Array.from(text, (c) => c.charCodeAt(0)));
  }

  /** What is typed before there is a terminal reaches it when there is; after a break it might no longer be meant. */
  private send(typed: Uint8Array<ArrayBuffer>): void {
    if (this.attached && this.socket?.readyState === WebSocket.OPEN) this.socket.send(typed);
    else if (!this.attached && this.early.length < MOST_EARLY) this.early.push(typed);
  }

  resize(cols: number, rows: number): void {
    this.say({ type: "resize", cols, rows });
  }

  close(): void {
    this.over = true;
    this.giveUp();
    if (this.socket) hangUp(this.socket);
  }

  private say(frame: Record<string, unknown>): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  private open(): void {
    const query: Record<string, string | number> = { session_id: this.sessionId, ...this.size() };
    if (this.id) query.terminal_id = this.id;
    else if (this.service) query.service_id = this.service.id;
    if (this.acks.seen > 0) query.after = this.acks.seen;
    this.socket = new WebSocket(socketUrl("/ws/terminal", query));
    this.socket.binaryType = "arraybuffer";
    let attached = false; // by this socket
    this.socket.onmessage = (message) => {
      if (typeof message.data !== "string") this.show(new Uint8Array(message.data as ArrayBuffer));
      else {
        const frame = JSON.parse(message.data) as Down;
        attached ||= frame.type === "attached";
        this.hear(frame);
      }
    };
    this.socket.onclose = () => {
      this.up = false;
      if (!this.over) void this.retry(attached);
    };
  }

  private show(bytes: Uint8Array): void {
    this.acks.arrived(bytes.length);
    const acks = this.acks;
    this.told.output(bytes, () => {
      const offset = acks.shown(bytes.length);
      if (offset !== null && acks === this.acks) this.say({ type: "ack", offset });
    });
  }

  private hear(frame: Down): void {
    if (frame.type === "attached") {
      if (this.pause > 500) hurry(); // it was away
      this.pause = 250;
      this.up = true;
      this.id = frame.terminal_id;
      this.acks = new Acks(frame.offset);
      this.told.trouble("");
      this.attached = true;
      for (const typed of this.early.splice(0)) this.send(typed);
      this.told.attached(frame.terminal_id);
    } else if (frame.type === "lag") this.acks = new Acks(frame.to);
    else if (frame.type === "resized") this.told.resized(frame.cols, frame.rows);
    else if (frame.type === "exit") {
      this.over = true;
      this.told.ended(frame.signal ? `ended by ${frame.signal}` : `ended with ${frame.code ?? 0}`);
    }
  }

  private async retry(attached: boolean): Promise<void> {
    this.giveUp = again(this.pause * (0.5 + Math.random()), () => this.open());
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
    if (attached) return;
    if (this.id && (await this.isGone(this.id))) {
      if (this.up || this.over) return; // it came back while that was asked
      this.close();
      this.told.ended("is gone");
    } else if (this.service && !this.id) {
      const why = await this.whyNot(this.service);
      if (!this.up && !this.over) this.told.trouble(why);
    } else if (this.pause > 2000) this.told.trouble("The terminal cannot be reached; trying on.");
  }

  /** Why no shell opens there: a browser is not told of a refused socket, and running nothing there is refused alike. */
  private async whyNot(service: Service): Promise<string> {
    try {
      await post(`/workspace/${this.sessionId}/run`, { command: ":", service_id: service.id });
      return "The terminal cannot be reached; trying on.";
    } catch (error) {
      return (error as Refused).message;
    }
  }

  /** Whether the server answers and knows no such terminal. */
  private async isGone(id: string): Promise<boolean> {
    try {
      const { items } = await get<Page<TerminalRow>>(`/workspace/${this.sessionId}/terminals`);
      return !items.some((row) => row.id === id);
    } catch {
      return false;
    }
  }
}
