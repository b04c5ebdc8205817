// HTML from strangers – Markdown of a repository, words of a language server – made harmless: what is left shows text and no more.
import DOMPurify, { type Config } from "dompurify";

const ALLOWED: Config = {
  USE_PROFILES: { html: true },
  FORBID_TAGS: [
    "style",
    "form",
    "input",
    "button",
    "textarea",
    "select",
    "option",
    "video",
    "audio",
    "dialog",
    "template",
  ],
  FORBID_ATTR: ["style", "id", "name", "class", "srcset", "for", "tabindex", "autofocus"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|#|[^a-z]|[a-z+.-]+(?:[^a-z+.\-:]|$))/i,
};

/** Chromium reports handlers and style sheets to the console even where they cannot act; they go before anything reads them. */
const quiet = (html: string) =>
  html
    .replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/\bon[a-z]+\s*=/gi, "data-off="))
    .replace(/<(\/?)style\b/gi, "<$1template");

/** The boxes of a list of tasks are shown, and no inputs. */
const drawn = (html: string) =>
  html.replace(/<input (checked="" )?disabled="" type="checkbox">/g, (_, on) => (on ? "☑" : "☐"));

/** The same without scripts, styles, forms and handlers; `keep` names attributes that stay all the same. */
export function harmless(html: string, keep: string[] = []): string {
  return DOMPurify.sanitize(quiet(drawn(html)), {
    ...ALLOWED,
    FORBID_ATTR: ALLOWED.FORBID_ATTR?.filter((name) => !keep.includes(name)),
  });
}
