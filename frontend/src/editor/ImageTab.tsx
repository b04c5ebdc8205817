// A picture as a picture.
import { useEffect, useState } from "react";
import { Notice } from "../parts/controls";
import { Tool } from "../shell/controls";
import type { EditorProps } from "../shell/registry";
import { pictureUrl, useBytes } from "./content";
import { pointerNote } from "./lfs";

export default function ImageTab({ bench, tab }: EditorProps) {
  const path = tab.path ?? "";
  const { content, failure } = useBytes(bench, path);
  const [url, setUrl] = useState("");
  const [size, setSize] = useState("");
  const [whole, setWhole] = useState(true);
  const note = content ? pointerNote(new TextDecoder().decode(content.bytes.subarray(0, 1024))) : "";
  useEffect(() => {
    if (!content) return;
    const made = pictureUrl(path, content.bytes);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [path, content]);
  return (
    <>
      <Notice text={failure} />
      <section className={`picture ${whole ? "fit" : ""}`} aria-label={path} tabIndex={whole ? undefined : 0}>
        {url && (
          <img
            src={url}
            alt={path}
            onLoad={({ currentTarget: image }) => setSize(`${image.naturalWidth} × ${image.naturalHeight}`)}
            onError={() => setSize(note || "This is not a picture that the browser can show.")}
          />
        )}
      </section>
      {content && (
        <div className="about">
          {size} · {content.bytes.length.toLocaleString()} bytes
          <Tool icon="fill" label="Show it in its own size" aria-pressed={!whole} onClick={() => setWhole(!whole)} />
        </div>
      )}
    </>
  );
}
