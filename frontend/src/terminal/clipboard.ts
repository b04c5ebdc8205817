// The clipboard: by its API where the page may use it, else as far as browsers let pages without TLS.

export function copyText(text: string): void {
  if (!text) return;
  if (navigator.clipboard) {
    navigator.clipboard.writeText(text).catch(() => document.execCommand("copy"));
    return;
  }
  document.execCommand("copy"); // the terminal answers the event with its selection
}

export const canPaste = (): boolean => typeof navigator.clipboard?.readText === "function";

/** Empty where it is not allowed. */
export async function readClipboard(): Promise<string> {
  try {
    return await navigator.clipboard.readText();
  } catch {
    return "";
  }
}
