// Texts as data: line ends, the smallest change from one to another, positions of the language server protocol.
import { type ChangeSpec, Text } from "@codemirror/state";

export type Eol = "\n" | "\r\n";
export type Position = { line: number; character: number }; // from 0; characters are UTF-16 units, as in CodeMirror
export type Range = { start: Position; end: Position };
export type TextEdit = { range: Range; newText: string };

/** Lines, and how they end. Only where all end in CRLF is that taken off; a mixture stays as it is. */
export function taken(content: string): { text: Text; eol: Eol } {
  const lines = content.split("\n");
  const crlf = lines.length > 1 && lines.slice(0, -1).every((line) => line.endsWith("\r"));
  if (!crlf) return { text: Text.of(lines), eol: "\n" };
  const bare = lines.map((line, at) => (at < lines.length - 1 ? line.slice(0, -1) : line));
  return { text: Text.of(bare), eol: "\r\n" };
}

export function given(text: Text, eol: Eol): string {
  return text.sliceString(0, text.length, eol);
}

/** One change that leaves what both begin and end with; null when they are the same. */
export function difference(from: Text, to: Text): { from: number; to: number; insert: Text } | null {
  if (from.eq(to)) return null;
  const a = from.toString();
  const b = to.toString();
  const most = Math.min(a.length, b.length);
  let head = 0;
  while (head < most && a.charCodeAt(head) === b.charCodeAt(head)) head += 1;
  let tail = 0;
  while (tail < most - head && a.charCodeAt(a.length - 1 - tail) === b.charCodeAt(b.length - 1 - tail)) tail += 1;
  return { from: head, to: a.length - tail, insert: to.slice(head, b.length - tail) };
}

/** The offset of a position; one that is outside of the text is brought to its nearest end. */
export function offsetOf(text: Text, position: Position): number {
  if (position.line < 0) return 0;
  if (position.line >= text.lines) return text.length;
  const line = text.line(position.line + 1);
  return line.from + Math.max(0, Math.min(position.character, line.length));
}

export function positionOf(text: Text, offset: number): Position {
  const line = text.lineAt(offset);
  return { line: line.number - 1, character: offset - line.from };
}

/** Edits as changes of that text. Those of LSP do not overlap; ones that do are refused. */
export function changesOf(text: Text, edits: TextEdit[]): ChangeSpec[] {
  const changes = edits.map((edit) => ({
    from: offsetOf(text, edit.range.start),
    to: offsetOf(text, edit.range.end),
    insert: edit.newText.replace(/\r\n?/g, "\n"),
  }));
  const sorted = [...changes].sort((a, b) => a.from - b.from || a.to - b.to);
  sorted.forEach((change, at) => {
    const before = sorted[at - 1];
    if (change.to < change.from || (before && change.from < before.to)) throw new Error("The server's edits overlap.");
  });
  return changes;
}
