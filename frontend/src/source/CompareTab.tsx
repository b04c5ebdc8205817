// What turns one revision into another.
import { useEffect, useState } from "react";
import { post, type Refused } from "../api";
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
  const [diff, setDiff] = useState<Diff | null>(null);
  const [failure, setFailure] = useState("");
  useEffect(() => {
    post<Diff>(`${source.base}/diff`, { from, to, repository, ...(paths ? { paths } : {}) }).then(
      setDiff,
      (error: Refused) => setFailure(error.message),
    );
  }, [source, repository, from, to, paths]);
  return (
    <DiffPage
      label={`From ${fromName} to ${toName}`}
      diff={diff}
      failure={failure}
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
