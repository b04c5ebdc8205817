// A service's or template's icon: a tile with letters for what is well known, a drawing of its kind for the rest.

const KNOWN: Record<string, [letters: string, hue: number]> = {
  python: ["Py", 215],
  fastapi: ["Fa", 165],
  django: ["Dj", 150],
  flask: ["Fl", 200],
  node: ["No", 120],
  javascript: ["Js", 50],
  typescript: ["Ts", 210],
  express: ["Ex", 100],
  react: ["Re", 195],
  vite: ["Vi", 265],
  "full-stack": ["Fs", 265],
  go: ["Go", 190],
  rust: ["Rs", 20],
  java: ["Ja", 10],
  ruby: ["Rb", 350],
  php: ["Ph", 240],
  static: ["Ht", 25],
  html: ["Ht", 25],
  nginx: ["Ng", 140],
  postgres: ["Pg", 220],
  postgresql: ["Pg", 220],
  mysql: ["My", 205],
  mariadb: ["Ma", 30],
  redis: ["Rd", 0],
  valkey: ["Vk", 250],
  mongo: ["Mo", 130],
  sqlite: ["Sq", 205],
};

const DRAWN: Record<string, string> = {
  database:
    "M3 4.5c0-1.4 2.2-2.5 5-2.5s5 1.1 5 2.5-2.2 2.5-5 2.5-5-1.1-5-2.5zm0 0v7c0 1.4 2.2 2.5 5 2.5s5-1.1 5-2.5v-7M3 8c0 1.4 2.2 2.5 5 2.5s5-1.1 5-2.5",
  cache: "M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z",
  gateway: "M2 8h4m4-4h4m-4 8h4M6 8l4-4M6 8l4 4",
  image: "M8 1.8 13.5 5v6L8 14.2 2.5 11V5zm0 0v0M2.5 5 8 8.2 13.5 5M8 8.2v6",
  application: "M2 3.5h12v9H2zM2 6h12M5 8.5l1.5 1.3L5 11M8 11h3",
};

export function Icon({ name, kind = "application" }: { name: string; kind?: string }) {
  const word = name.toLowerCase();
  const known = KNOWN[word] ?? KNOWN[word.split(/[^a-z]/)[0] ?? ""];
  if (known)
    return (
      <span className="icon" aria-hidden style={{ "--hue": known[1] } as React.CSSProperties}>
        {known[0]}
      </span>
    );
  if (name && [...name].length <= 2 && !/^[\w-]+$/.test(name))
    return (
      <span className="icon plain" aria-hidden>
        {name}
      </span>
    );
  return (
    <span className="icon plain" aria-hidden>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={DRAWN[kind] ?? DRAWN.application} />
      </svg>
    </span>
  );
}

const SHAPES: Record<string, React.ReactNode> = {
  dot: <circle cx="5" cy="5" r="4.2" />,
  ring: <circle cx="5" cy="5" r="3.4" className="hollow" />,
  busy: <path d="M5 1.4a3.6 3.6 0 1 1-3.6 3.6" className="hollow" />,
  square: <rect x="1.6" y="1.6" width="6.8" height="6.8" rx="1" className="hollow" />,
  diamond: <path d="M5 .4 9.6 5 5 9.6.4 5z" />,
  triangle: <path d="M5 .6 9.8 9.2H.2z" />,
};

/** A state said three ways: a word, a shape and a colour. */
export function Mark({ word, shape, tone }: { word: string; shape: string; tone: string }) {
  return (
    <span className={`mark ${tone}`}>
      <svg viewBox="0 0 10 10" aria-hidden="true" className={shape}>
        {SHAPES[shape]}
      </svg>
      {word}
    </span>
  );
}
