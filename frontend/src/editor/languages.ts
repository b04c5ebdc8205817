// How CodeMirror reads each language; one is loaded when a file of it is first opened.
import { LanguageSupport, StreamLanguage, type StreamParser } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { endingOf } from "./names";

const legacy = async (found: Promise<StreamParser<unknown>>) => new LanguageSupport(StreamLanguage.define(await found));
const clike = () => import("@codemirror/legacy-modes/mode/clike");

const BY_ENDING: Record<string, () => Promise<Extension>> = {
  js: async () => (await import("@codemirror/lang-javascript")).javascript({ jsx: true }),
  ts: async () => (await import("@codemirror/lang-javascript")).javascript({ typescript: true }),
  tsx: async () => (await import("@codemirror/lang-javascript")).javascript({ jsx: true, typescript: true }),
  py: async () => (await import("@codemirror/lang-python")).python(),
  json: async () => (await import("@codemirror/lang-json")).json(),
  html: async () => (await import("@codemirror/lang-html")).html(),
  css: async () => (await import("@codemirror/lang-css")).css(),
  less: () => legacy(import("@codemirror/legacy-modes/mode/css").then((mode) => mode.less)),
  md: async () => (await import("@codemirror/lang-markdown")).markdown(),
  yaml: async () => (await import("@codemirror/lang-yaml")).yaml(),
  rs: async () => (await import("@codemirror/lang-rust")).rust(),
  go: async () => (await import("@codemirror/lang-go")).go(),
  sql: async () => (await import("@codemirror/lang-sql")).sql(),
  c: () => legacy(clike().then((mode) => mode.c)),
  cpp: () => legacy(clike().then((mode) => mode.cpp)),
  java: () => legacy(clike().then((mode) => mode.java)),
  kt: () => legacy(clike().then((mode) => mode.kotlin)),
  cs: () => legacy(clike().then((mode) => mode.csharp)),
  sh: () => legacy(import("@codemirror/legacy-modes/mode/shell").then((mode) => mode.shell)),
  dockerfile: () => legacy(import("@codemirror/legacy-modes/mode/dockerfile").then((mode) => mode.dockerFile)),
  toml: () => legacy(import("@codemirror/legacy-modes/mode/toml").then((mode) => mode.toml)),
  ini: () => legacy(import("@codemirror/legacy-modes/mode/properties").then((mode) => mode.properties)),
  rb: () => legacy(import("@codemirror/legacy-modes/mode/ruby").then((mode) => mode.ruby)),
  lua: () => legacy(import("@codemirror/legacy-modes/mode/lua").then((mode) => mode.lua)),
  diff: () => legacy(import("@codemirror/legacy-modes/mode/diff").then((mode) => mode.diff)),
  xml: () => legacy(import("@codemirror/legacy-modes/mode/xml").then((mode) => mode.xml)),
};
export async function languageOf(path: string): Promise<Extension> {
  return (await BY_ENDING[endingOf(path)]?.()) ?? [];
}
