// Markdown as a page: from the open document as it is typed, else from the file. Nothing of it runs, and only pictures of the
// working copy are shown.
import { marked } from "marked";
import { type MouseEvent, useEffect, useMemo, useRef, useState } from "react";
import { Notice } from "../parts/controls";
import "../parts/markdown.css";
import type { EditorProps } from "../shell/registry";
import { useStore } from "../shell/store";
import { pictureUrl, readBytes, useBytes } from "./content";
import { cursor } from "./cursor";
import { documentsOf } from "./documents";
import { pathsOf } from "./finder";
import { within } from "./paths";
import { harmless } from "./safe";

const MOST = 2 << 20; // characters that are made into a page

/** Markdown as harmless HTML whose pictures name files of the working copy, in data-at, and load nothing. */
function pageOf(source: string, path: string): string {
  const made = new DOMParser().parseFromString(
    harmless(marked.parse(source, { async: false, gfm: true })),
    "text/html",
  );
  for (const image of made.querySelectorAll("img")) {
    const from = image.getAttribute("src") ?? "";
    const to = /^[a-z]+:|^\/\//i.test(from) ? null : within(path, from);
    image.removeAttribute("src");
    if (to === null) image.replaceWith(`[${image.alt || "picture"}: ${from}]`);
    else image.dataset.at = to;
  }
  return made.body.innerHTML;
}

export default function MarkdownTab({ bench, tab }: EditorProps) {
  const path = tab.path ?? "";
  const page = useRef<HTMLElement>(null);
  const { content, failure } = useBytes(bench, path);
  useStore(cursor); // typing moves it
  const typed = documentsOf(bench).get(path);
  const text = typed?.status.get().phase === "ready" ? typed.text.toString() : null;
  const [lately, setLately] = useState(text);
  useEffect(() => {
    const timer = window.setTimeout(() => setLately(text), 200);
    return () => window.clearTimeout(timer);
  }, [text]);
  const source = (lately ?? (content ? new TextDecoder().decode(content.bytes) : "")).slice(0, MOST);
  const html = useMemo(() => ({ __html: pageOf(source, path) }), [source, path]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: pictures are looked for in what was just drawn
  useEffect(() => {
    const urls: string[] = [];
    let left = false;
    const draw = async (image: HTMLImageElement, there: Set<string>) => {
      const from = image.dataset.at ?? "";
      if (!there.has(from)) return image.replaceWith(`[${image.alt || from}]`);
      const { bytes } = await readBytes(bench, from);
      if (left) return;
      const url = pictureUrl(from, bytes);
      urls.push(url);
      image.src = url;
    };
    const images = [...(page.current?.querySelectorAll<HTMLImageElement>("img[data-at]") ?? [])];
    if (images.length > 0)
      pathsOf(bench).then(
        (paths) => {
          const there = new Set(paths);
          for (const image of images) draw(image, there).catch(() => undefined);
        },
        () => undefined, // their words stand there instead
      );
    return () => {
      left = true;
      for (const url of urls) URL.revokeObjectURL(url);
    };
  }, [html, bench, path]);

  const follow = (event: MouseEvent) => {
    const link = (event.target as Element).closest("a");
    if (!link) return;
    event.preventDefault();
    const to = link.getAttribute("href") ?? "";
    if (/^(https?|mailto):/i.test(to)) window.open(to, "_blank", "noopener,noreferrer");
    else {
      const file = within(path, to.replace(/[#?].*$/, ""));
      if (file) bench.openFile(file);
    }
  };
  return (
    <>
      <Notice text={text === null ? failure : ""} />
      {/* biome-ignore-start lint/a11y/useKeyWithClickEvents: links inside are clicked by Enter */}
      {/* biome-ignore-start lint/a11y/noNoninteractiveElementInteractions: it only watches the links inside */}
      <article
        className="markdown"
        aria-label={path}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keys
        tabIndex={0}
        ref={page}
        onClick={follow}
        // biome-ignore lint/security/noDangerouslySetInnerHtml: made harmless above
        dangerouslySetInnerHTML={html}
      />
      {/* biome-ignore-end lint/a11y/noNoninteractiveElementInteractions: as above */}
      {/* biome-ignore-end lint/a11y/useKeyWithClickEvents: as above */}
    </>
  );
}
