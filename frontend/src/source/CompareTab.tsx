// What turns one revision into another.
import { useEffect } from "react";
import { ask } from "../api";
import { useAnswer } from "../parts/useAnswer";
import type { EditorProps } from "../shell/registry";
import { DiffPage } from "./DiffPage";
import { sourceOf } from "./state";
import type { Diff } from "./types";

export type CompareData = {
  repository: string;
  from: string;
  to: string;
  fromName: string;
  toName: string;
  paths?: string[];
};

export default function CompareTab({ bench, tab }: EditorProps) {
  const { repository, from, to, fromName, toName, paths } = tab.data as CompareData;
  const source = sourceOf(bench);
  const asked = { from, to, repository, ...(paths ? { paths } : {}) };
  const { data, failure, load } = useAnswer(JSON.stringify(asked), () => ask<Diff>(`${source.base}/diff`, asked));
  useEffect(() => void load(), [load]);
  return (
    <DiffPage
      label={`From ${fromName} to ${toName}`}
      diff={data}
      failure={failure}
      onAgain={load}
      head={
        <header className="commit-head">
          <h2>
            From <code>{fromName}</code> to <code>{toName}</code>
          </h2>
        </header>
      }
    />
  );
}
