// What the page asks, and what it tells in passing: one question at a time over it, notes at its corner.
import { useState } from "react";
import { Button, Dialog, Field } from "../parts/controls";
import type { Bench } from "./bench";
import { Tool } from "./controls";
import { createStore, useStore } from "./store";

export type Choice = { label: string; value: string; kind?: "main" | "danger" | "plain" };
export type Question = {
  title: string;
  text?: string;
  field?: { label: string; value: string; hint?: string }; // the answer is what is typed
  choices: Choice[];
  answer: (value: string | null) => void;
};
export type Note = {
  id: number;
  text: string;
  kind: "info" | "error";
  actions: { label: string; run: () => void }[];
};
const STAYS = 8000; // milliseconds for a note that asks for nothing

export class Questions {
  readonly open = createStore<Question | null>(null);
  readonly notes = createStore<Note[]>([]);
  private count = 0;

  /** The value of the chosen button; null when it was left. */
  choose(title: string, text: string, choices: Choice[]): Promise<string | null> {
    return new Promise((answer) => this.open.set({ title, text, choices, answer }));
  }

  /** What was typed; null when it was left. */
  prompt(title: string, field: { label: string; value: string; hint?: string }, label = "OK"): Promise<string | null> {
    return new Promise((answer) =>
      this.open.set({ title, field, choices: [{ label, value: "", kind: "main" }], answer }),
    );
  }

  tell(text: string, kind: Note["kind"] = "info", actions: Note["actions"] = []): void {
    this.count += 1;
    const id = this.count;
    this.notes.set((old) => [...old.filter((note) => note.text !== text).slice(-3), { id, text, kind, actions }]);
    if (kind === "info" && actions.length === 0) window.setTimeout(() => this.drop(id), STAYS);
  }

  drop(id: number): void {
    this.notes.set((old) => old.filter((note) => note.id !== id));
  }
}

export function QuestionsView({ bench }: { bench: Bench }) {
  const question = useStore(bench.questions.open);
  const notes = useStore(bench.questions.notes);
  const answered = (value: string | null) => {
    bench.questions.open.set(null);
    question?.answer(value);
  };
  return (
    <>
      {question && <Ask key={question.title} question={question} answered={answered} />}
      <div className="notes" aria-live="polite">
        {notes.map((note) => (
          <div key={note.id} className={`note ${note.kind}`} role={note.kind === "error" ? "alert" : "status"}>
            <span>{note.text}</span>
            {note.actions.map((action) => (
              <Button
                key={action.label}
                onClick={() => {
                  bench.questions.drop(note.id);
                  action.run();
                }}
              >
                {action.label}
              </Button>
            ))}
            <Tool icon="close" label="Dismiss" onClick={() => bench.questions.drop(note.id)} />
          </div>
        ))}
      </div>
    </>
  );
}

function Ask({ question, answered }: { question: Question; answered: (value: string | null) => void }) {
  const [typed, setTyped] = useState(question.field?.value ?? "");
  const first = question.choices[0];
  return (
    <Dialog
      title={question.title}
      onClose={() => answered(null)}
      onSubmit={() => answered(question.field ? typed : (first?.value ?? ""))}
    >
      {question.text && <p>{question.text}</p>}
      {question.field && (
        <Field
          label={question.field.label}
          hint={question.field.hint}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          onFocus={(event) => event.target.select()}
          required
          autoFocus
        />
      )}
      <div className="row end">
        <Button onClick={() => answered(null)}>Cancel</Button>
        {[...question.choices].reverse().map((choice) => (
          <Button
            key={choice.label}
            kind={choice.kind ?? "plain"}
            type={choice === first ? "submit" : "button"}
            onClick={choice === first ? undefined : () => answered(choice.value)}
          >
            {choice.label}
          </Button>
        ))}
      </div>
    </Dialog>
  );
}
