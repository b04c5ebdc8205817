// Settling conflicts in the page: of each file what both sides made of it, a choice for each place, and the result to edit freely.
// It becomes a merge of the base into the head.
import { useEffect, useId, useMemo, useState } from "react";
import { ask, post, type Refused } from "../api";
import { Button, Notice } from "../parts/controls";
import { useStore } from "../shell/store";
import { Segments } from "../source/Segments";
import { plural } from "../source/words";
import { type Part, partsOf, settled, type Taken } from "./conflict";
import type { Desk } from "./desk";
import type { ConflictContent, ConflictFile, Pull } from "./types";

type Side = "ours" | "theirs";
/** What was decided about a file: a choice for each place, or a text of one's own, or whose it is as a whole, or that it goes. */
type Choice = { taken: (Taken | undefined)[]; text: string | null; side: Side | null; deleted: boolean };
const NONE: Choice = { taken: [], text: null, side: null, deleted: false };
const MOST_SAME = 8; // lines between conflicts, of which the middle is left out

/** What becomes of it, as the server is told; null while that is open. */
function resultOf(
  parts: Part[] | null,
  choice: Choice,
): { content: string } | { take: Side } | { delete: true } | null {
  if (choice.deleted) return { delete: true };
  if (choice.side) return { take: choice.side };
  const content = choice.text ?? (parts && settled(parts, choice.taken));
  return content === null ? null : { content };
}

export default function Conflicts({ desk, pull, onSettled }: { desk: Desk; pull: Pull; onSettled: () => void }) {
  const busy = useStore(desk.busy);
  const [content, setContent] = useState<ConflictContent | null>(null);
  const [choices, setChoices] = useState<Record<string, Choice>>({});
  const [failure, setFailure] = useState("");
  // biome-ignore lint/correctness/useExhaustiveDependencies: another head or base, other conflicts
  useEffect(() => {
    let left = false;
    ask<ConflictContent>(`${desk.at}/conflict-content`).then(
      (found) => {
        if (left) return;
        setContent(found);
        setChoices({});
        setFailure("");
      },
      (error: Refused) => !left && setFailure(error.message),
    );
    return () => {
      left = true;
    };
  }, [desk, pull.head_commit, pull.base_commit]);
  const parts = useMemo(() => new Map(content?.files.map((file) => [file.path, partsOf(file)])), [content]);
  const results = content?.files.map((file) => ({
    path: file.path,
    result: resultOf(parts.get(file.path) ?? null, choices[file.path] ?? NONE),
  }));
  const open = results?.filter(({ result }) => result === null).length ?? 0;
  const save = async () => {
    const files = results?.map(({ path, result }) => ({ path, ...result }));
    const done = await desk.attempt(
      () => post(`${desk.at}/conflict-resolution`, { expected_head: content?.head_commit, files }),
      "The conflicts are settled.",
    );
    if (done) onSettled();
  };
  if (failure) return <Notice text={failure} />;
  if (!content) return <p className="soft empty" aria-busy="true" />;
  return (
    <section className="conflicts" aria-label="Conflicts">
      <p className="soft">
        Ours is <code>{pull.head_branch}</code>, whose work this is; theirs is <code>{pull.base_branch}</code>, which it
        goes into.
      </p>
      {content.files.map((file) => (
        <OneFile
          key={file.path}
          file={file}
          parts={parts.get(file.path) ?? null}
          choice={choices[file.path] ?? NONE}
          onChoose={(choice) => setChoices((old) => ({ ...old, [file.path]: choice }))}
        />
      ))}
      <div className="row end">
        <span className="soft" role="status">
          {open > 0 ? `${plural(open, "file")} still to settle.` : "All is settled."}
        </span>
        <Button kind="main" disabled={busy || open > 0} onClick={save}>
          Commit the resolution
        </Button>
      </div>
    </section>
  );
}

const VIEWS = [
  ["settle", "Settle"],
  ["base", "Base"],
  ["ours", "Ours"],
  ["theirs", "Theirs"],
  ["result", "Edit"],
] as const;
type Shown = (typeof VIEWS)[number][0];
type FileProps = { file: ConflictFile; parts: Part[] | null; choice: Choice; onChoose: (choice: Choice) => void };

function OneFile({ file, parts, choice, onChoose }: FileProps) {
  const [shown, setShown] = useState<Shown>("settle");
  const result = resultOf(parts, choice);
  const written = result && "content" in result ? result.content : null;
  return (
    <section className="conflict-file" aria-label={file.path}>
      <header className="row">
        <h3>{file.path}</h3>
        <span className={`tag ${result === null ? "warn" : "good"}`}>
          {result === null ? "To settle" : "delete" in result ? "Deleted" : "Settled"}
        </span>
        <span className="grow" />
        {!file.binary && (
          <Segments label={`${file.path}: what is shown`} choices={VIEWS} value={shown} onChoose={setShown} />
        )}
      </header>
      {file.binary ? (
        <p className="said">
          It is not text, or too large for the page: take one side's as a whole, or merge the base into the head in a
          terminal.
        </p>
      ) : shown === "settle" ? (
        <Settle file={file} parts={parts} choice={choice} onChoose={onChoose} />
      ) : shown === "result" ? (
        <Editor
          file={file}
          text={written ?? file.markers ?? file.ours ?? file.theirs ?? ""}
          onText={(text) => onChoose({ ...NONE, text })}
        />
      ) : (
        <pre className="one-side">{file[shown] ?? <span className="soft">It is not there on this side.</span>}</pre>
      )}
      <div className="row whole">
        {(["ours", "theirs"] as const).map(
          (side) =>
            (file.binary || file[side] !== null) && (
              <Button
                key={side}
                onClick={() => onChoose(file.binary ? { ...NONE, side } : { ...NONE, text: file[side] })}
                aria-pressed={file.binary ? choice.side === side : undefined}
              >
                Take all of {side}
              </Button>
            ),
        )}
        <Button onClick={() => onChoose({ ...NONE, deleted: true })} aria-pressed={choice.deleted}>
          Delete the file
        </Button>
        {choice !== NONE && (
          <Button kind="quiet" onClick={() => onChoose(NONE)}>
            Begin anew
          </Button>
        )}
      </div>
    </section>
  );
}

function Settle({ file, parts, choice, onChoose }: FileProps) {
  if (!parts)
    return (
      <p className="said soft">
        {file.ours === null || file.theirs === null
          ? `One side deleted it, the other changed it${file.ours === null ? ": ours deleted it" : ": theirs deleted it"}.`
          : "Its own lines look like the marks of a conflict: take one side, or edit the result."}
      </p>
    );
  let number = -1;
  return (
    <div className="places">
      {choice.text !== null && <p className="said soft">It has a text of its own now: see Edit.</p>}
      {parts.map((part, at) => {
        // biome-ignore lint/suspicious/noArrayIndexKey: parts have no other name
        if (part.kind === "same") return <Same key={at} lines={part.lines} />;
        number += 1;
        const place = number;
        return (
          <Place
            // biome-ignore lint/suspicious/noArrayIndexKey: as above
            key={at}
            number={place + 1}
            part={part}
            taken={choice.text === null ? choice.taken[place] : undefined}
            onTake={(one) => {
              const taken = [...choice.taken];
              taken[place] = one;
              onChoose({ ...NONE, taken });
            }}
          />
        );
      })}
    </div>
  );
}

function Same({ lines }: { lines: string[] }) {
  const [all, setAll] = useState(false);
  if (all || lines.length <= MOST_SAME) return <pre>{lines.join("\n")}</pre>;
  return (
    <>
      <pre>{lines.slice(0, 3).join("\n")}</pre>
      <button type="button" className="link more" onClick={() => setAll(true)}>
        {plural(lines.length - 6, "line")} that both have
      </button>
      <pre>{lines.slice(-3).join("\n")}</pre>
    </>
  );
}

function Place({
  number,
  part,
  taken,
  onTake,
}: {
  number: number;
  part: Extract<Part, { kind: "choice" }>;
  taken: Taken | undefined;
  onTake: (taken: Taken) => void;
}) {
  const button = (one: Taken, title: string) => (
    <Button aria-pressed={taken === one} onClick={() => onTake(one)}>
      {title}
    </Button>
  );
  const side = (one: "ours" | "theirs", title: string) => (
    <figure className={`${one} ${taken === undefined || taken === one || taken === "both" ? "" : "left-out"}`}>
      <figcaption className="soft">{title}</figcaption>
      <pre>{part[one].join("\n") || " "}</pre>
    </figure>
  );
  return (
    <fieldset className={`place ${taken ? "taken" : ""}`}>
      <legend className="hidden">Conflict {number}</legend>
      <div className="row">
        <span className="soft">Conflict {number}</span>
        <span className="grow" />
        {button("ours", "Take ours")}
        {button("theirs", "Take theirs")}
        {button("both", "Take both")}
      </div>
      {side("ours", "Ours")}
      {side("theirs", "Theirs")}
    </fieldset>
  );
}

/** The result as text. What a browser makes of line ends is undone: a file that ends its lines in CRLF still does. */
function Editor({ file, text, onText }: { file: ConflictFile; text: string; onText: (text: string) => void }) {
  const id = useId();
  const crlf = /\r\n/.test(file.ours ?? file.theirs ?? "");
  const shown = text.replace(/\r\n/g, "\n");
  const marks = /^(<{7}|>{7}) /m.test(shown);
  return (
    <>
      <label className="hidden" htmlFor={id}>
        The result of {file.path}
      </label>
      <textarea
        id={id}
        className="result"
        spellCheck={false}
        rows={Math.min(30, shown.split("\n").length + 1)}
        value={shown}
        onChange={(event) => onText(crlf ? event.target.value.replace(/\n/g, "\r\n") : event.target.value)}
      />
      {marks && <Notice kind="info" text="It still has marks of a conflict in it: write what should stand there." />}
    </>
  );
}
