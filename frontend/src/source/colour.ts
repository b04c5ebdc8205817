// Syntax colours of a difference: both sides of a hunk are parsed by themselves, when they are first seen.
import { LanguageSupport } from "@codemirror/language";
import { classHighlighter, highlightTree } from "@lezer/highlight";
import { useEffect, useState } from "react";
import { languageOf } from "../editor/languages";
import type { Hunk, Line } from "./types";

export type Token = { from: number; to: number; name: string };
type Parser = LanguageSupport["language"]["parser"];

const kept = new WeakMap<Hunk, Token[][]>();
const NONE: Token[] = [];

/** The parser for a file of that name; null until it is loaded, or where there is none. */
export function useParser(path: string): Parser | null {
  const [parser, setParser] = useState<Parser | null>(null);
  useEffect(() => {
    let left = false;
    languageOf(path).then((found) => {
      if (!left) setParser(found instanceof LanguageSupport ? found.language.parser : null);
    });
    return () => {
      left = true;
    };
  }, [path]);
  return parser;
}

/** The tokens of one line of the hunk. */
export function tokensOf(hunk: Hunk, at: number, parser: Parser | null): Token[] {
  if (!parser) return NONE;
  let found = kept.get(hunk);
  if (!found) {
    found = hunk.lines.map(() => []);
    for (const other of ["-", "+"]) colour(hunk.lines, other, parser, found);
    kept.set(hunk, found);
  }
  return found[at] ?? NONE;
}

/** Colours the lines of one side: those that both have, and those of the other kind than `left`. */
function colour(lines: Line[], left: string, parser: Parser, into: Token[][]): void {
  const starts: { at: number; from: number }[] = [];
  let text = "";
  lines.forEach((line, at) => {
    if (line.kind === left) return;
    starts.push({ at, from: text.length });
    text += `${line.text}\n`;
  });
  let n = 0;
  highlightTree(parser.parse(text), classHighlighter, (from, to, name) => {
    while (n + 1 < starts.length && (starts[n + 1]?.from ?? 0) <= from) n += 1;
    for (let m = n; m < starts.length && (starts[m]?.from ?? 0) < to; m += 1) {
      const { at, from: start } = starts[m] as { at: number; from: number };
      const line = lines[at];
      if (!line || (left === "+" && line.kind === " ")) continue; // what both have is coloured once, as it is now
      const begin = Math.max(from - start, 0);
      const end = Math.min(to - start, line.text.length);
      if (begin < end) into[at]?.push({ from: begin, to: end, name });
    }
  });
}

export type Piece = { text: string; name: string; marked: boolean };

/** The line cut where a token or a changed word begins or ends. */
export function pieces(text: string, tokens: Token[], spans: [number, number][]): Piece[] {
  const cuts = new Set([0, text.length]);
  for (const { from, to } of tokens) cuts.add(from).add(to);
  for (const [from, to] of spans) cuts.add(Math.min(from, text.length)).add(Math.min(to, text.length));
  const at = [...cuts].sort((a, b) => a - b);
  let token = 0;
  let span = 0;
  return at.slice(1).map((to, n) => {
    const from = at[n] as number;
    while (token < tokens.length && (tokens[token] as Token).to <= from) token += 1;
    while (span < spans.length && (spans[span] as [number, number])[1] <= from) span += 1;
    const inside = tokens[token] && (tokens[token] as Token).from <= from;
    const marked = spans[span] !== undefined && (spans[span] as [number, number])[0] <= from;
    return { text: text.slice(from, to), name: inside ? (tokens[token] as Token).name : "", marked };
  });
}
