// Which row of a list the keys are at, where rows come and go meanwhile.
import { useCallback, useEffect, useState } from "react";

/** The index of the marked row, and how to mark another. It is the same row wherever it goes; where it is gone, the one that came
 *  into its place. `keys` name the rows; the array is another one only when they are. */
export function useMark(keys: string[]): [number, (at: number) => void] {
  const [mark, setMark] = useState({ key: "", at: 0 });
  const found = keys[mark.at] === mark.key ? mark.at : keys.indexOf(mark.key);
  const at = found >= 0 ? found : Math.max(0, Math.min(mark.at, keys.length - 1));
  const key = keys[at] ?? "";
  useEffect(() => setMark({ key, at }), [key, at]);
  return [at, useCallback((next: number) => setMark({ key: keys[next] ?? "", at: next }), [keys])];
}
