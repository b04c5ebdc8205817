// Which language a file is in, by its name.

const SAME: Record<string, string> = {
  jsx: "js",
  mjs: "js",
  cjs: "js",
  mts: "ts",
  cts: "ts",
  pyi: "py",
  jsonc: "json",
  htm: "html",
  vue: "html",
  scss: "css",
  markdown: "md",
  yml: "yaml",
  h: "c",
  cc: "cpp",
  cxx: "cpp",
  hpp: "cpp",
  hh: "cpp",
  hxx: "cpp",
  bash: "sh",
  zsh: "sh",
  cfg: "ini",
  env: "ini",
  properties: "ini",
  patch: "diff",
  svg: "xml",
};
const BY_NAME: Record<string, string> = {
  dockerfile: "dockerfile",
  containerfile: "dockerfile",
  makefile: "sh",
  gemfile: "rb",
  rakefile: "rb",
  ".bashrc": "sh",
  ".profile": "sh",
  ".envrc": "sh",
  ".env": "ini",
  ".babelrc": "json",
  "cargo.lock": "toml",
  "poetry.lock": "toml",
  "uv.lock": "toml",
};

/** The ending that decides, lower-case and without its aliases; empty for none. */
export function endingOf(path: string): string {
  const name = (path.split("/").pop() ?? "").toLowerCase();
  if (BY_NAME[name]) return BY_NAME[name];
  if (/^(dockerfile|containerfile)\./.test(name)) return "dockerfile";
  const ending = name.includes(".") ? (name.split(".").pop() ?? "") : "";
  return SAME[ending] ?? ending;
}

const TITLES: Record<string, string> = {
  js: "JavaScript",
  ts: "TypeScript",
  tsx: "TypeScript JSX",
  py: "Python",
  json: "JSON",
  html: "HTML",
  css: "CSS",
  less: "Less",
  md: "Markdown",
  yaml: "YAML",
  rs: "Rust",
  go: "Go",
  sql: "SQL",
  c: "C",
  cpp: "C++",
  java: "Java",
  kt: "Kotlin",
  cs: "C#",
  sh: "Shell",
  dockerfile: "Dockerfile",
  toml: "TOML",
  ini: "Properties",
  rb: "Ruby",
  lua: "Lua",
  diff: "Diff",
  xml: "XML",
};
export const titleOf = (path: string): string => TITLES[endingOf(path)] ?? "Plain text";

/** Characters; a larger text would only slow a language server down. */
export const SERVED = 2 << 20;

/** The language of the server's catalogue (lsp_bridge/catalog.py) and the id of such a document; null where none serves it. */
export function serverLanguage(path: string): { language: string; id: string } | null {
  const name = (path.split("/").pop() ?? "").toLowerCase();
  const raw = name.split(".").pop() ?? "";
  const ending = endingOf(path);
  if (name === "go.mod" || name === "go.work") return { language: "go", id: name };
  const script = { js: "javascript", jsx: "javascriptreact", ts: "typescript", tsx: "typescriptreact" };
  switch (ending) {
    case "py":
      return { language: "python", id: "python" };
    case "js":
    case "ts":
    case "tsx": {
      const id = raw === "jsx" ? script.jsx : script[ending];
      return { language: "typescript", id };
    }
    case "json":
      return { language: "json", id: raw === "jsonc" ? "jsonc" : "json" };
    case "css":
    case "less":
      return { language: "css", id: raw === "scss" ? "scss" : ending };
    case "sh":
      return raw === "makefile" || raw === "zsh" ? null : { language: "shell", id: "shellscript" };
    case "html":
      return raw === "vue" ? null : { language: "html", id: "html" };
    case "c":
    case "cpp":
      return { language: "cpp", id: ending };
    case "rs":
      return { language: "rust", id: "rust" };
    case "yaml":
    case "go":
    case "dockerfile":
    case "sql":
      return { language: ending, id: ending };
    default:
      return null;
  }
}
