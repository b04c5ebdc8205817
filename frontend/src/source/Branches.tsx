// The workspace's branches: who works on each, how it differs from this one, and merging it.
import { useEffect, useState } from "react";
import { get, type Page } from "../api";
import { Button, Notice } from "../parts/controls";
import { useAnswer } from "../parts/useAnswer";
import { go } from "../router";
import type { Bench } from "../shell/bench";
import { Tool } from "../shell/controls";
import { Icon } from "../shell/icons";
import { useStore } from "../shell/store";
import { openCompare } from "./open";
import { sourceOf } from "./state";
import type { Branch } from "./types";

export function Branches({ bench, repository }: { bench: Bench; repository: string }) {
  const source = sourceOf(bench);
  const { repositories } = useStore(source.state);
  const busy = useStore(source.busy);
  const { sessions } = useStore(bench.info);
  const [query, setQuery] = useState("");
  const asked = `${source.base}/branches?${new URLSearchParams({ repository, query, limit: "100" })}`;
  const { data, failure, load } = useAnswer(asked, () => get<Page<Branch>>(asked));
  const rows = data?.items;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another head, other sessions: other branches
  useEffect(() => void load(), [load, repositories, sessions]);
  const { branch, head } = repositories?.find((row) => row.name === repository) ?? {};
  return (
    <div className="branches">
      <div className="log-filter">
        <input
          type="search"
          aria-label="Search branches"
          placeholder="Search branches"
          value={query}
          onChange={(event) => setQuery(event.target.value)}
        />
      </div>
      <Notice text={failure} />
      {rows?.length === 0 && <p className="soft empty">No branch fits.</p>}
      <ul aria-label="Branches">
        {rows?.map((row) => (
          <li key={row.name} className="branch-row">
            <Icon name={row.current ? "check" : "branch"} size={14} />
            <span className="told">
              <span className="ellipsis">
                <code>{row.name}</code>
              </span>
              <span className="soft small">
                {row.current ? "this session" : row.session_id ? `session ${row.session_name}` : "no session"} ·{" "}
                <code>{row.head.slice(0, 8)}</code>
              </span>
            </span>
            {!row.current && branch && head && (
              <>
                {row.session_id && (
                  <Tool
                    icon="leave"
                    label={`Go to the session of ${row.name}`}
                    onClick={() => go(`/s/${row.session_id}`)}
                  />
                )}
                <Tool
                  icon="changes"
                  label={`Compare ${row.name} with ${branch}`}
                  onClick={() =>
                    openCompare(bench, {
                      repository,
                      from: head,
                      to: row.head,
                      fromName: branch,
                      toName: row.name,
                    })
                  }
                />
                {row.session_id && (
                  <Button
                    kind="quiet"
                    disabled={busy !== ""}
                    aria-label={`Merge ${row.name} into ${branch}`}
                    onClick={() => row.session_id && source.merge(repository, row.session_id, row.name)}
                  >
                    Merge
                  </Button>
                )}
              </>
            )}
          </li>
        ))}
      </ul>
      {data?.next_cursor && <p className="soft small pad">More fit: search for a part of a name.</p>}
      <p className="soft small pad">Each session is a branch. A new one starts from this session as it stands.</p>
    </div>
  );
}
