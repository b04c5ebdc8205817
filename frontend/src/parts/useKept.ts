// A text that is being written, kept in this tab until it is sent: another part of the page, or a reload, does not lose it.
import { useState } from "react";

export function useKept(key: string): [string, (text: string) => void] {
  const [text, setText] = useState(() => sessionStorage.getItem(key) ?? "");
  const keep = (next: string) => {
    setText(next);
    if (next) sessionStorage.setItem(key, next);
    else sessionStorage.removeItem(key);
  };
  return [text, keep];
}
