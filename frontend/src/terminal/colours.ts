// The terminal's colours: the page's own for ground and text, and sixteen that can be read on both grounds.
import type { ITheme } from "@xterm/xterm";
import { colour, theme } from "../shell/theme";

const LIGHT: ITheme = {
  black: "#1b212c",
  red: "#b3261e",
  green: "#18743a",
  yellow: "#8a5a00",
  blue: "#2450c8",
  magenta: "#8b2fb0",
  cyan: "#086b7a",
  white: "#586173",
  brightBlack: "#687182",
  brightRed: "#d03a30",
  brightGreen: "#1f8a47",
  brightYellow: "#9c6a08",
  brightBlue: "#3b6cf0",
  brightMagenta: "#a548cc",
  brightCyan: "#0c8293",
  brightWhite: "#1b212c",
};
const DARK: ITheme = {
  black: "#3a4250",
  red: "#ff8a80",
  green: "#6fd08c",
  yellow: "#f0b850",
  blue: "#7ea3ff",
  magenta: "#d19bf2",
  cyan: "#6cccdb",
  white: "#c5ccd8",
  brightBlack: "#8791a3",
  brightRed: "#ffb0a8",
  brightGreen: "#96e3ab",
  brightYellow: "#ffd385",
  brightBlue: "#a9c2ff",
  brightMagenta: "#e2bdf8",
  brightCyan: "#97e0eb",
  brightWhite: "#ffffff",
};

export const colours = (): ITheme => ({
  ...(theme.get() === "dark" ? DARK : LIGHT),
  background: colour("--ground"),
  foreground: colour("--text"),
  cursor: colour("--accent"),
  cursorAccent: colour("--ground"),
  selectionBackground: colour("--select"),
});
