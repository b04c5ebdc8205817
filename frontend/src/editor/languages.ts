// Which language a file is in, by its name; each is loaded when first needed.
import type { Extension } from "@codemirror/state";

const BY_ENDING: Record<string, () => Promise<Extension>> = {
  js: async () => (await import("@codemirror/lang-javascript")).javascript({ jsx: true }),
  ts: async () => (await import("@codemirror/lang-javascript")).javascript({ jsx: true, typescript: true }),
  py: async () => (await import("@codemirror/lang-python")).python(),
  json: async () => (await import("@codemirror/lang-json")).json(),
  html: async () => (await import("@codemirror/lang-html")).html(),
  css: async () => (await import("@codemirror/lang-css")).css(),
  md: async () => (await import("@codemirror/lang-markdown")).markdown(),
  yaml: async () => (await import("@codemirror/lang-yaml")).yaml(),
  rs: async () => (await import("@codemirror/lang-rust")).rust(),
  go: async () => (await import("@codemirror/lang-go")).go(),
  sql: async () => (await import("@codemirror/lang-sql")).sql(),
};
const SAME: Record<string, string> = {
  jsx: "js",
  mjs: "js",
  cjs: "js",
  tsx: "ts",
  mts: "ts",
  pyi: "py",
  jsonc: "json",
  htm: "html",
  vue: "html",
  scss: "css",
  markdown: "md",
  yml: "yaml",
};

/** The ending that decides, lower-case and without its aliases; empty for none. */
export function endingOf(path: string): string {
  const name = path.split("/").pop() ?? "";
  const ending = name.includes(".") ? (name.split(".").pop() ?? "").toLowerCase() : "";
  return SAME[ending] ?? ending;
}

export async function languageOf(path: string): Promise<Extension> {
  return (await BY_ENDING[endingOf(path)]?.()) ?? [];
}
