// A picture as a picture.
import { useEffect, useState } from "react";
import { Notice } from "../parts/controls";
import type { EditorProps } from "../shell/registry";
import { pictureUrl, useBytes } from "./content";

export default function ImageTab({ bench, tab }: EditorProps) {
  const path = tab.path ?? "";
  const { content, failure } = useBytes(bench, path);
  const [url, setUrl] = useState("");
  const [size, setSize] = useState("");
  useEffect(() => {
    if (!content) return;
    const made = pictureUrl(path, content.bytes);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [path, content]);
  return (
    <>
      <Notice text={failure} />
      <div className="picture">
        {url && (
          <img
            src={url}
            alt={path}
            onLoad={({ currentTarget: image }) => setSize(`${image.naturalWidth} × ${image.naturalHeight}`)}
            onError={() => setSize("This is not a picture that the browser can show.")}
          />
        )}
      </div>
      {content && (
        <div className="about">
          {size} · {content.bytes.length.toLocaleString()} bytes
        </div>
      )}
    </>
  );
}
