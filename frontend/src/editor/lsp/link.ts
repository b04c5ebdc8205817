// The socket to a language's servers, as CodeMirror's client wants it; comes back by itself, and answers what servers ask.
import type { Transport } from "@codemirror/lsp-client";
import { again } from "../../again";
import { hangUp, socketUrl } from "../../api";

type Message = { id?: number | string; method?: string; params?: unknown };
export type Linked = {
  /** The socket is open: start talking through this. `drop` gives it up for another. */
  open: (transport: Transport, drop: () => void) => void;
  /** It closed; it is tried again. `times` counts attempts that came to nothing. */
  closed: (times: number) => void;
  /** A request of the server's; what it returns is the answer. */
  asked: (method: string, params: never) => Promise<unknown>;
};

const LONGEST = 20_000; // milliseconds between two attempts

export function link(session: string, language: string, to: Linked): () => void {
  let socket: WebSocket;
  let over = false;
  let giveUp: () => void = () => undefined;
  let failed = 0;
  let handlers: ((message: string) => void)[] = [];

  const start = () => {
    socket = new WebSocket(socketUrl("/ws/lsp", { session_id: session, language }));
    const mine = socket;
    const say = (message: string) => mine.readyState === WebSocket.OPEN && mine.send(message);
    let opened = 0;
    mine.onopen = () => {
      opened = Date.now();
      handlers = [];
      to.open(
        {
          send: say,
          subscribe: (handler) => {
            handlers.push(handler);
          },
          unsubscribe: (handler) => {
            handlers = handlers.filter((other) => other !== handler);
          },
        },
        () => mine.close(),
      );
    };
    mine.onmessage = async ({ data }) => {
      const message = JSON.parse(data as string) as Message;
      if (message.id === undefined || !message.method) {
        for (const tell of handlers) tell(data as string);
        return;
      }
      const answer = { jsonrpc: "2.0", id: message.id };
      const result = await to.asked(message.method, message.params as never).then(
        (result) => ({ result: result ?? null }),
        (error: Error) => ({ error: { code: -32603, message: error.message } }),
      );
      say(JSON.stringify({ ...answer, ...result }));
    };
    mine.onclose = () => {
      if (over) return;
      failed = opened && Date.now() - opened > 10_000 ? 0 : failed + 1;
      to.closed(failed);
      giveUp = again(Math.min(500 * 2 ** failed, LONGEST) * (0.5 + Math.random() / 2), start);
    };
  };
  start();
  return () => {
    over = true;
    giveUp();
    hangUp(socket);
  };
}
