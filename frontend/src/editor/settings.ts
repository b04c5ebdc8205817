// What one can set about the text editor.
import { setting } from "../shell/settings";

setting({
  key: "editor.fontSize",
  group: "Editor",
  title: "Size of the text",
  kind: "number",
  fallback: 13,
  least: 9,
  most: 32,
});
setting({
  key: "editor.tabSize",
  group: "Editor",
  title: "Width of a tab",
  kind: "number",
  fallback: 4,
  least: 1,
  most: 16,
});
setting({
  key: "editor.insertSpaces",
  group: "Editor",
  title: "Indent with spaces",
  description: "Where a file does not show what it is indented with.",
  kind: "switch",
  fallback: true,
});
setting({ key: "editor.wrap", group: "Editor", title: "Wrap long lines", kind: "switch", fallback: false });
setting({ key: "editor.lineNumbers", group: "Editor", title: "Line numbers", kind: "switch", fallback: true });
setting({
  key: "editor.formatOnSave",
  group: "Editor",
  title: "Format on save",
  description: "By the language's server, where one can.",
  kind: "switch",
  fallback: false,
});
