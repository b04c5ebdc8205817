// Files as bytes, for what shows them as something other than text.
import { useEffect, useState } from "react";
import { type FileContent, files, type Refused } from "../api";
import { inTurn, soon } from "../inTurn";
import type { Bench } from "../shell/bench";
import { touches } from "./paths";

export type Content = { bytes: Uint8Array<ArrayBuffer>; etag: string };

export async function readBytes(bench: Bench, path: string): Promise<Content> {
  const found = (await files(bench.sessionId, { op: "read", path, encoding: "base64" })) as FileContent;
  return { bytes: Uint8Array.from(atob(found.content), (letter) => letter.charCodeAt(0)), etag: found.etag };
}

/** The file's bytes, read again when it changes. */
export function useBytes(bench: Bench, path: string): { content: Content | null; failure: string } {
  const [content, setContent] = useState<Content | null>(null);
  const [failure, setFailure] = useState("");
  useEffect(() => {
    let left = false;
    const look = inTurn(() =>
      readBytes(bench, path).then(
        (found) => {
          if (left) return;
          setContent((old) => (old?.etag === found.etag ? old : found));
          setFailure("");
        },
        (error: Refused) =>
          left || setFailure(error.code === "too_large" ? "This file is too large to be shown here." : error.message),
      ),
    );
    void look();
    const again = soon(200, look);
    const leave = bench.touched.subscribe(() => touches(bench.touched.get().paths, path) && again());
    return () => {
      left = true;
      leave();
      again.end();
    };
  }, [bench, path]);
  return { content, failure };
}

const KINDS: Record<string, string> = { svg: "image/svg+xml", ico: "image/x-icon", jpg: "image/jpeg" };

/** The address of a picture that the page may show: in an <img>, where no script of it runs. */
export function pictureUrl(path: string, bytes: Uint8Array<ArrayBuffer>): string {
  const ending = path.split(".").pop()?.toLowerCase() ?? "";
  return URL.createObjectURL(new Blob([bytes], { type: KINDS[ending] ?? `image/${ending}` }));
}
