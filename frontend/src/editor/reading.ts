// Reads a text file a piece at a time: one of many megabytes, taken at once, would hold the page up.
import { Text } from "@codemirror/state";
import { type FileContent, files, Refused } from "../api";
import { type Eol, taken } from "./text";

const PIECE = 1 << 20; // bytes
const TRIES = 3;

export type Reading = { text: Text; eol: Eol; etag: string };

/** Null where it is not text. Throws Refused; also where the file changes for as long as it is read. */
export async function readText(session: string, path: string): Promise<Reading | null> {
  const ask = (offset: number) =>
    files(session, { op: "read", path, offset, limit: PIECE }) as Promise<FileContent & { size: number }>;
  for (let times = 0; times < TRIES; times += 1) {
    let piece = await ask(0);
    const { etag } = piece;
    if (piece.encoding === "utf-8" && !piece.truncated) return { ...taken(piece.content), etag };
    const pieces: string[] = [];
    let offset = 0;
    let held = ""; // an end of line that is cut in two stays whole
    let crlf = true;
    while (piece.etag === etag) {
      if (piece.encoding === "base64") return null;
      const { length } = piece.content; // as many characters as bytes: each is one
      offset += length === PIECE ? PIECE : new TextEncoder().encode(piece.content).length;
      const content = held + piece.content;
      held = piece.truncated && content.endsWith("\r") ? "\r" : "";
      pieces.push(held ? content.slice(0, -1) : content);
      crlf &&= !/(^|[^\r])\n/.test(content);
      if (!piece.truncated) return { text: await joined(pieces, crlf), eol: crlf ? "\r\n" : "\n", etag };
      piece = await ask(offset);
    }
  }
  throw new Refused(409, "changing", "This file changes while it is read. Try again when it is written.");
}

async function joined(pieces: string[], crlf: boolean): Promise<Text> {
  let text = Text.empty;
  for (const piece of pieces) {
    text = text.append(Text.of((crlf ? piece.replaceAll("\r\n", "\n") : piece).split("\n")));
    await new Promise((go) => window.setTimeout(go)); // the page draws in between
  }
  return text;
}
