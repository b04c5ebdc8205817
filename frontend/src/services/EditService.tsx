// Changing a service: commands, environment with secrets that are only ever written, limits, its place. An edit of compose.yaml.
import { useState } from "react";
import { call, post, type Refused, vcs } from "../api";
import { Button, Dialog, Field, Notice } from "../parts/controls";
import { Icon } from "../shell/icons";
import type { Service } from "./types";

/** What was changed, and how to take it back. */
export type Undo = { text: string; back: () => Promise<unknown> };
type Row = { key: number; name: string; value: string; secret: boolean; kept: boolean; bare: boolean };
const MEBI = 1024 * 1024;

type Props = {
  sessionId: string;
  service: Service;
  at: number;
  last: number;
  onMove: (to: number) => void;
  onClose: () => void;
  onDone: (undo: Undo | null) => void;
};

export function EditService({ sessionId, service, at, last, onMove, onClose, onDone }: Props) {
  const [rows, setRows] = useState<Row[]>(() =>
    service.environment.map((one, key) => ({
      key,
      name: one.name,
      value: one.value ?? "",
      secret: one.secret,
      kept: one.secret, // its value stays as it is until a new one is typed
      bare: !one.secret && one.value === null,
    })),
  );
  const [image, setImage] = useState(service.image);
  const [install, setInstall] = useState(service.install_command);
  const [start, setStart] = useState(service.start_command);
  const [cpus, setCpus] = useState(service.limits.cpus ? String(service.limits.cpus) : "");
  const [memory, setMemory] = useState(
    service.limits.memory_bytes ? String(Math.round(service.limits.memory_bytes / MEBI)) : "",
  );
  const [removing, setRemoving] = useState(false);
  const [dropping, setDropping] = useState(false);
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const path = `/workspace/${sessionId}/services/${service.id}`;

  const set = (key: number, change: Partial<Row>) =>
    setRows((old) => old.map((row) => (row.key === key ? { ...row, ...change } : row)));
  const before = JSON.stringify(service.environment.map((one) => [one.name, one.value ?? "", one.secret]));
  const touched =
    before !== JSON.stringify(rows.map((row) => [row.name, row.kept ? "" : row.value, row.secret])) ||
    rows.some((row) => row.secret && !row.kept);
  const changes: Record<string, unknown> = {
    ...(touched
      ? {
          environment: rows
            .filter((row) => row.name)
            .map((row) => ({
              name: row.name,
              secret: row.secret,
              ...(row.kept || row.bare ? {} : { value: row.value }),
            })),
        }
      : {}),
    ...(image !== service.image ? { image } : {}),
    ...(install !== service.install_command ? { install_command: install || null } : {}),
    ...(start !== service.start_command ? { start_command: start || null } : {}),
    ...(Number(cpus) !== service.limits.cpus ? { cpus: cpus ? Number(cpus) : null } : {}),
    ...(Number(memory) !== Math.round(service.limits.memory_bytes / MEBI)
      ? { memory_bytes: memory ? Number(memory) * MEBI : null }
      : {}),
  };

  const refuse = (error: Refused) => {
    setBusy(false);
    setFailure(error.message);
  };
  const back = (snapshot: string | null | undefined, text: string): Undo | null =>
    snapshot ? { text, back: () => post(`${vcs(sessionId)}/snapshots/${snapshot}/restore`) } : null;
  const save = () => {
    if (Object.keys(changes).length === 0) return onClose();
    setBusy(true);
    call<Service>("PUT", path, changes).then(
      (saved) => onDone(back(saved.undo_snapshot_id, `Changed ${service.name} in compose.yaml.`)),
      refuse,
    );
  };
  const remove = () => {
    setBusy(true);
    call("DELETE", `${path}?drop_volumes=${dropping}`).then(() => onDone(null), refuse);
  };

  if (removing)
    return (
      <Dialog title={`Remove ${service.name}?`} onClose={onClose} onSubmit={remove}>
        <p>It is stopped and taken out of compose.yaml. History has a snapshot of the files from before.</p>
        {service.volumes.some((volume) => !volume.startsWith("./")) && (
          <label className="option">
            <input type="checkbox" checked={dropping} onChange={(event) => setDropping(event.target.checked)} />
            <span>
              Delete what its volumes hold, too
              <small className="soft">For good: no snapshot has it.</small>
            </span>
          </label>
        )}
        <Notice text={failure} />
        <div className="row end">
          <Button onClick={() => setRemoving(false)}>Cancel</Button>
          <Button type="submit" kind="danger" disabled={busy} autoFocus>
            Remove
          </Button>
        </div>
      </Dialog>
    );
  return (
    <Dialog title={`Change ${service.name}`} onClose={onClose} onSubmit={save}>
      {service.image && !service.build && (
        <Field label="Image" value={image} onChange={(event) => setImage(event.target.value)} required />
      )}
      {(service.install_command || service.start_command || !service.image) && (
        <>
          <Field label="Install command" value={install} onChange={(event) => setInstall(event.target.value)} />
          <Field label="Start command" value={start} onChange={(event) => setStart(event.target.value)} />
        </>
      )}
      <fieldset className="environment">
        <legend>Environment</legend>
        {rows.map((row) => (
          <div className="variable" key={row.key}>
            <input
              aria-label="Name"
              placeholder="NAME"
              value={row.name}
              pattern="[A-Za-z_][A-Za-z0-9_]*"
              onChange={(event) => set(row.key, { name: event.target.value })}
            />
            <input
              aria-label={`Value of ${row.name}`}
              type={row.secret ? "password" : "text"}
              autoComplete="off"
              placeholder={row.kept ? "•••••••• kept" : row.bare ? "from the workspace" : ""}
              value={row.kept ? "" : row.value}
              onChange={(event) => set(row.key, { value: event.target.value, kept: false, bare: false })}
            />
            <label title="Kept encrypted, never shown again, not in compose.yaml">
              <input
                type="checkbox"
                checked={row.secret}
                onChange={(event) => set(row.key, { secret: event.target.checked, kept: false, bare: false })}
              />
              secret
            </label>
            <button
              type="button"
              className="tool"
              aria-label={`Remove ${row.name}`}
              onClick={() => setRows((old) => old.filter((other) => other.key !== row.key))}
            >
              <Icon name="close" size={12} />
            </button>
          </div>
        ))}
        <Button
          kind="quiet"
          onClick={() =>
            setRows((old) => [
              ...old,
              {
                key: 1 + Math.max(0, ...old.map((row) => row.key)),
                name: "",
                value: "",
                secret: false,
                kept: false,
                bare: false,
              },
            ])
          }
        >
          + Variable
        </Button>
      </fieldset>
      <div className="pair">
        <Field
          label="CPUs"
          type="number"
          min={0.1}
          step={0.1}
          max={256}
          value={cpus}
          placeholder="server's limit"
          onChange={(event) => setCpus(event.target.value)}
        />
        <Field
          label="Memory (MiB)"
          type="number"
          min={6}
          value={memory}
          placeholder="server's limit"
          onChange={(event) => setMemory(event.target.value)}
        />
      </div>
      <div className="row">
        <span>
          Place {at + 1} of {last}
        </span>
        <Button aria-label="Earlier" title="Alt ↑ in the list" disabled={at <= 0} onClick={() => onMove(at - 1)}>
          ↑
        </Button>
        <Button aria-label="Later" title="Alt ↓ in the list" disabled={at >= last - 1} onClick={() => onMove(at + 1)}>
          ↓
        </Button>
      </div>
      <Notice text={failure} />
      <div className="row end">
        <Button kind="quiet" className="remove" onClick={() => setRemoving(true)}>
          Remove
        </Button>
        <span className="grow" />
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main" disabled={busy}>
          Save
        </Button>
      </div>
    </Dialog>
  );
}
