// What a workspace keeps encrypted for its services, and only ever takes: a list of names, and a form to set one.
import { type ReactNode, useEffect, useRef, useState } from "react";
import { call, get, type Page, type Refused } from "../api";
import { Button, Dialog, Notice } from "../parts/controls";
import { useAnswer } from "../parts/useAnswer";
import { Icon } from "../shell/icons";

type Props<Row> = {
  title: string;
  about: ReactNode;
  path: string;
  shown: (row: Row) => { name: string; besides: string };
  name: string; // what is to be set,
  body: unknown; // to this,
  ready: boolean; // once it is written whole
  onDone: () => void;
  onClose: () => void;
  children: ReactNode;
};

export function Kept<Row>({ title, about, path, shown, name, body, ready, onDone, onClose, children }: Props<Row>) {
  const [failure, setFailure] = useState("");
  const list = useRef<HTMLUListElement>(null);
  const { data, failure: away, load } = useAnswer(path, () => get<Page<Row>>(path));
  useEffect(() => void load(), [load]);
  const pathOf = (name: string) => `${path}/${encodeURIComponent(name)}`;
  const attempt = (work: Promise<unknown>) =>
    work
      .then(
        () => {
          setFailure("");
          onDone();
          list.current?.closest("form")?.querySelector("input")?.focus(); // for the next; the button of one that is forgotten goes
        },
        (error: Refused) => setFailure(error.message),
      )
      .then(load); // what is refused may be gone already

  return (
    <Dialog title={title} onClose={onClose} onSubmit={() => attempt(call("PUT", pathOf(name), body))}>
      <p className="soft">{about}</p>
      {data?.items.length === 0 && <p className="soft">None yet.</p>}
      <ul className="names" ref={list}>
        {data?.items.map(shown).map((one) => (
          <li key={one.name} className="row">
            <code>{one.name}</code>
            <span className="soft">{one.besides}</span>
            <span className="grow" />
            <button
              type="button"
              className="tool"
              aria-label={`Forget ${one.name}`}
              title="Forget"
              onClick={() => attempt(call("DELETE", pathOf(one.name)))}
            >
              <Icon name="close" size={12} />
            </button>
          </li>
        ))}
      </ul>
      {children}
      <Notice text={failure || away} />
      <div className="row end">
        <Button onClick={onClose}>Close</Button>
        <Button type="submit" kind="main" disabled={!ready}>
          Set
        </Button>
      </div>
    </Dialog>
  );
}
