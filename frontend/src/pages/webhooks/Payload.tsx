// What was sent or answered, word for word; JSON in lines.
export function Payload({ title, text }: { title: string; text: string }) {
  if (!text) return null;
  return (
    <figure className="payload">
      <figcaption>{title}</figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keys */}
      <pre tabIndex={0}>{pretty(text)}</pre>
    </figure>
  );
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // headers, or a stranger's words
  }
}
