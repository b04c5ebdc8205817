// One commit: who, when, why, and what it changed.
import { useEffect } from "react";
import { get } from "../api";
import { Button } from "../parts/controls";
import { useAnswer } from "../parts/useAnswer";
import { Tool } from "../shell/controls";
import type { EditorProps } from "../shell/registry";
import { openFile } from "./Changes";
import { DiffPage } from "./DiffPage";
import { openCommit } from "./open";
import { Refs } from "./Refs";
import { sourceOf } from "./state";
import type { CommitDetail } from "./types";
import { inFull } from "./words";

export type CommitData = { repository: string; id: string };

export default function CommitTab({ bench, tab }: EditorProps) {
  const { repository, id } = tab.data as CommitData;
  const source = sourceOf(bench);
  const asked = `${source.base}/log/${id}?repository=${encodeURIComponent(repository)}`;
  const { data: commit, failure, load } = useAnswer(asked, () => get<CommitDetail>(asked));
  useEffect(() => void load(), [load]);
  const head = commit && <Head bench={bench} repository={repository} commit={commit} />;
  return (
    <DiffPage
      label={`Changes of ${id.slice(0, 8)}`}
      diff={commit}
      failure={failure}
      onAgain={load}
      head={head}
      empty="This commit changes nothing."
      fileTools={(file) =>
        file.status !== "deleted" && (
          <Tool
            icon="file"
            label={`Open ${file.path} as it is now`}
            onClick={() => openFile(bench, repository, file.path)}
          />
        )
      }
    />
  );
}

function Head({
  bench,
  repository,
  commit,
}: {
  bench: EditorProps["bench"];
  repository: string;
  commit: CommitDetail;
}) {
  const source = sourceOf(bench);
  const [subject = "", ...rest] = commit.message.trim().split("\n");
  const body = rest.join("\n").trim();
  const other = commit.committer.email !== commit.author.email ? commit.committer.name : "";
  return (
    <header className="commit-head">
      <h2>{subject}</h2>
      {body && <pre>{body}</pre>}
      <div className="row facts">
        <Refs names={commit.refs} />
        <span title={commit.author.email}>{commit.author.name}</span>
        {other && <span className="soft">committed by {other}</span>}
        <time className="soft" dateTime={commit.time}>
          {inFull(commit.time)}
        </time>
        <code title={commit.id}>{commit.id.slice(0, 10)}</code>
        <Tool icon="copy" label="Copy the commit's id" onClick={() => void navigator.clipboard?.writeText(commit.id)} />
        {commit.parents.length > 0 && <span className="soft">{commit.parents.length > 1 ? "parents" : "parent"}</span>}
        {commit.parents.map((parent) => (
          <button type="button" className="link" key={parent} onClick={() => openCommit(bench, repository, parent)}>
            <code>{parent.slice(0, 8)}</code>
          </button>
        ))}
        <span className="grow" />
        <Button onClick={() => source.asking.set({ about: "rollback", commit: commit.id, subject, repository })}>
          Roll back to this…
        </Button>
      </div>
    </header>
  );
}
