// What CodeMirror does that the palette has, too.
export { toggleComment as comment } from "@codemirror/commands";
export { foldAll as fold, unfoldAll as unfold } from "@codemirror/language";
export { openSearchPanel as find } from "@codemirror/search";
