// The names of the open file, as its language's server has them.
import { useEffect, useState } from "react";
import type { Bench } from "../../shell/bench";
import { ViewHead } from "../../shell/controls";
import { useStore } from "../../shell/store";
import { cursor, move } from "../cursor";
import { serverLanguage } from "../names";
import { offsetOf } from "../text";
import { type Name, symbols } from "./actions";
import { knownOf } from "./state";

// LSP 3.17, "SymbolKind", from 1.
const KINDS =
  "file module namespace package class method property field constructor enum interface function variable constant string number boolean array object key null member struct event operator type".split(
    " ",
  );

export default function OutlineView({ bench }: { bench: Bench }) {
  const at = useStore(cursor);
  const health = useStore(knownOf(bench).health);
  const [found, setFound] = useState<{ of: unknown; rows: Name[] | null }>({ of: null, rows: null });
  const view = at?.view;
  const text = view?.state.doc;
  const language = at ? serverLanguage(at.path)?.language : undefined;
  const link = language ? health[language]?.link : undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again for each text, and when the server comes
  useEffect(() => {
    if (!view) return;
    let left = false;
    const timer = window.setTimeout(
      () =>
        symbols(view).then(
          (rows) => left || setFound({ of: view, rows }),
          () => undefined,
        ),
      300,
    );
    return () => {
      left = true;
      window.clearTimeout(timer);
    };
  }, [view, text, link]);
  const rows = found.of === view ? found.rows : null; // not another file's
  const head = view?.state.selection.main.head ?? 0;
  const current = text ? (rows ?? []).findLastIndex((one) => offsetOf(text, one.range.start) <= head) : -1;
  return (
    <>
      <ViewHead title="Outline" />
      {!at && <p className="soft empty">Open a file to see its names.</p>}
      {at && rows === null && (
        <p className="soft empty">
          {language && link !== "ready"
            ? "Waiting for the language server."
            : "No server knows the names of this file."}
        </p>
      )}
      {rows?.length === 0 && <p className="soft empty">This file defines no names.</p>}
      {rows?.map((one, number) => (
        <button
          type="button"
          className="entry"
          aria-current={number === current || undefined}
          key={`${one.range.start.line}:${one.range.start.character}:${one.name}`}
          style={{ paddingLeft: 16 + one.depth * 14 }}
          onClick={() => at && move(bench, at, one.range.start.line + 1, one.range.start.character + 1)}
        >
          <span className={`symbol is-${KINDS[one.kind - 1] ?? "other"}`} title={KINDS[one.kind - 1]}>
            {(KINDS[one.kind - 1] ?? "?").slice(0, 1)}
          </span>
          <span className="text">{one.name}</span>
          <span className="soft text">{one.detail}</span>
        </button>
      ))}
    </>
  );
}
