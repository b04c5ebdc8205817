// What a program in a terminal may say to the page around it: a title, and links. All of it is a stranger's text.

const LONGEST_TITLE = 80;
// Control characters, and those that turn or hide the text around them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A program's title as one line of visible text. */
export function cleanTitle(text: string): string {
  const clean = text.replace(UNSEEN, "").trim();
  return clean.length > LONGEST_TITLE ? `${clean.slice(0, LONGEST_TITLE - 1)}…` : clean;
}

/** The address, where it is one that may be opened: a web page. */
export function webAddress(text: string): string | null {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

export type FileLink = { from: number; to: number; path: string; line: number | null; column: number | null };
const HOME = "/workspace/";
const FILE =
  /(?<![\w/:.@-])((?:\/workspace\/|\.\/)?[\w@+-][\w@+./-]*\.\w{1,8})(?:[:(](\d{1,7})(?:[:,](\d{1,5}))?\)?|", line (\d{1,7}))?/g;

/** Names of files in a line of output, `from` and `to` in its characters; as compilers, test runners and tracebacks write them. */
export function fileLinks(line: string): FileLink[] {
  return [...line.matchAll(FILE)].flatMap((found) => {
    const [whole, named = "", number, column, python] = found;
    const path = named.replace(/^\.\//, "").replace(HOME, "");
    const at = number ?? python;
    if (!at && !named.includes("/")) return []; // a version or a host looks like a name, too
    if (path.split("/").includes("..") || path.startsWith("/")) return [];
    return [
      {
        from: found.index,
        to: found.index + whole.length,
        path,
        line: at ? Number(at) : null,
        column: column ? Number(column) : null,
      },
    ];
  });
}
