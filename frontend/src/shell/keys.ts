// Keys as people write them ("Mod-Shift-P", "Alt-1", "F2", "?"): matched against events, and shown. Mod is ⌘ on Macs, else Ctrl.

export const MAC = typeof navigator !== "undefined" && /Mac|iP(hone|ad)/.test(navigator.platform);

type Pressed = Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">;

/** Whether that key was pressed with exactly those modifiers. With Alt the place of the key counts: Macs type symbols then. */
export function matches(event: Pressed, keys: string, mac = MAC): boolean {
  const words = keys.split(/-(?=.)/);
  const key = words.pop() ?? "";
  const mod = words.includes("Mod");
  const ctrl = words.includes("Ctrl") || (mod && !mac);
  const meta = words.includes("Meta") || (mod && mac);
  if (event.ctrlKey !== ctrl || event.metaKey !== meta || event.altKey !== words.includes("Alt")) return false;
  const symbol = key.length === 1 && !/[a-z0-9]/i.test(key); // how Shift makes "?" differs by keyboard
  if (!symbol && event.shiftKey !== words.includes("Shift")) return false;
  if (event.key.toLowerCase() === key.toLowerCase()) return true;
  if (key === "`") return event.code === "Backquote";
  if (key === "\\") return event.code === "Backslash";
  return (event.altKey || event.shiftKey) && (event.code === `Key${key.toUpperCase()}` || event.code === `Digit${key}`);
}

const NAMES: Record<string, [mac: string, other: string]> = {
  Mod: ["⌘", "Ctrl"],
  Ctrl: ["⌃", "Ctrl"],
  Meta: ["⌘", "Meta"],
  Alt: ["⌥", "Alt"],
  Shift: ["⇧", "Shift"],
  ArrowUp: ["↑", "↑"],
  ArrowDown: ["↓", "↓"],
  ArrowLeft: ["←", "←"],
  ArrowRight: ["→", "→"],
  Enter: ["↩", "Enter"],
};

/** The keys' names in the order in which they are pressed. */
export function named(keys: string, mac = MAC): string[] {
  return keys
    .split(/-(?=.)/)
    .map((word) => NAMES[word]?.[mac ? 0 : 1] ?? (word.length === 1 ? word.toUpperCase() : word));
}

export const shown = (keys: string, mac = MAC) => named(keys, mac).join(mac ? "" : " ");
