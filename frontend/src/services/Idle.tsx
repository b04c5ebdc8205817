// When the session's services stop because nobody uses them, how long from now that is put off, and the choice of how long.
import { useEffect, useMemo, useState } from "react";
import { call, get, type Refused, type Session } from "../api";
import { follow } from "../feed";
import { inTurn } from "../inTurn";
import { Button } from "../parts/controls";
import { stopsWhen } from "./words";

export interface Idleness {
  minutes: number;
  in_use: string[];
  idle_since: string | null;
  stops_at: string | null;
  kept_until: string | null;
}

const CHOICES: [string, string][] = [
  ["", "as the server has it"],
  ["0", "never"],
  ["15", "15 min"],
  ["30", "30 min"],
  ["60", "1 h"],
  ["240", "4 h"],
  ["1440", "1 day"],
];

export function Idle({ sessionId, writes }: { sessionId: string; writes: boolean }) {
  const [found, setFound] = useState<Idleness | null>(null);
  const [chosen, setChosen] = useState("");
  const [workspace, setWorkspace] = useState("");
  const [failure, setFailure] = useState("");

  const load = useMemo(
    () =>
      inTurn(async () => {
        try {
          setFound(await get<Idleness>(`/workspace/${sessionId}/idle`));
          const session = await get<Session>(`/sessions/${sessionId}`);
          const at = `/workspace/${session.workspace_id}`;
          const minutes = (await get<{ idle_minutes: number | null }>(at)).idle_minutes;
          setWorkspace(session.workspace_id);
          setChosen(minutes === null ? "" : String(minutes));
          setFailure("");
        } catch (error) {
          setFailure((error as Refused).message);
        }
      }),
    [sessionId],
  );

  useEffect(() => {
    load();
    return follow((fact) => {
      if (fact.name === "session.idle" || fact.name === "workspace.updated" || fact.name === "reset") load();
    });
  }, [load]);

  async function ask(path: string, body: object) {
    try {
      await call("PUT", path, body);
      await load();
    } catch (error) {
      setFailure((error as Refused).message);
    }
  }

  if (!found) return failure ? <p className="idle soft">{failure}</p> : null;
  const known = CHOICES.some(([value]) => value === chosen);
  return (
    <div className="idle soft">
      <label>
        Stop when nobody uses them for{" "}
        <select
          value={chosen}
          disabled={!writes}
          onChange={(event) =>
            ask(`/workspace/${workspace}`, {
              idle_minutes: event.target.value === "" ? null : Number(event.target.value),
            })
          }
        >
          {CHOICES.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
          {!known && <option value={chosen}>{chosen} min</option>}
        </select>
      </label>
      {found.minutes > 0 && (
        <>
          <span>{stopsWhen(found)}</span>
          {writes && (
            <Button
              kind="quiet"
              onClick={() => ask(`/workspace/${sessionId}/idle/keep`, { hours: found.kept_until ? 0 : 8 })}
            >
              {found.kept_until ? "Do not keep them" : "Keep them for 8 h"}
            </Button>
          )}
        </>
      )}
      {failure && <span role="alert">{failure}</span>}
    </div>
  );
}
