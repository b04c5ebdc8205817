// A new service: an image, a database with generated credentials, or an empty one with a command. Written into compose.yaml.
import { useState } from "react";
import { post, type Refused } from "../api";
import { Button, Dialog, Field, Notice } from "../parts/controls";
import type { Service } from "./types";

const TYPES = { image: "An image", database: "A database", upload: "A folder of this session", empty: "Empty" };
type Type = keyof typeof TYPES;

export function AddService({
  sessionId,
  onClose,
  onDone,
}: {
  sessionId: string;
  onClose: () => void;
  onDone: (made: Service) => void;
}) {
  const [type, setType] = useState<Type>("database");
  const [engine, setEngine] = useState("postgres");
  const [name, setName] = useState("");
  const [image, setImage] = useState("");
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [folder, setFolder] = useState("");
  const [command, setCommand] = useState("");
  const [port, setPort] = useState("");
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const proposed =
    type === "database"
      ? engine
      : type === "image"
        ? (image.split("/").pop() ?? "").replace(/[:@].*/, "")
        : (folder.split("/").filter(Boolean).pop() ?? "");

  const choose = (next: Type) => {
    setType(next);
    setFailure("");
  };
  const create = () => {
    setBusy(true);
    const path = `/workspace/${sessionId}/services`;
    const made =
      type === "image" && username
        ? post<Service>(`${path}/import-dockerhub`, {
            image: image.trim(),
            username,
            password,
            ...(name.trim() ? { name: name.trim() } : {}),
          })
        : post<Service>(path, {
            name: name.trim() || proposed || "service",
            type,
            ...(type === "database" ? { engine } : {}),
            ...(type === "image" ? { image: image.trim() } : {}),
            ...(type === "upload" ? { folder: folder.trim() } : {}),
            ...(type === "empty" && command ? { start_command: command } : {}),
            ...(type !== "database" && port ? { ports: [Number(port)] } : {}),
          });
    made.then(onDone, (error: Refused) => {
      setBusy(false);
      setFailure(error.message);
    });
  };
  return (
    <Dialog title="Add a service" onClose={onClose} onSubmit={create}>
      <fieldset className="choice">
        <legend>What it is</legend>
        {Object.entries(TYPES).map(([key, label]) => (
          <label key={key}>
            <input type="radio" name="type" checked={type === key} onChange={() => choose(key as Type)} />
            {label}
          </label>
        ))}
      </fieldset>
      {type === "database" && (
        <label className="field">
          Engine
          <select value={engine} onChange={(event) => setEngine(event.target.value)}>
            <option value="postgres">PostgreSQL</option>
            <option value="mysql">MySQL</option>
            <option value="mariadb">MariaDB</option>
            <option value="redis">Redis</option>
          </select>
        </label>
      )}
      {type === "image" && (
        <Field
          label="Image"
          value={image}
          onChange={(event) => setImage(event.target.value)}
          placeholder="name:tag"
          hint="Pinned to what its tag means now."
          required
        />
      )}
      {type === "image" && (
        <details className="private">
          <summary className="soft">Private image</summary>
          <div className="pair">
            <Field
              label="User name"
              autoComplete="off"
              value={username}
              onChange={(event) => setUsername(event.target.value)}
            />
            <Field
              label="Password or token"
              type="password"
              autoComplete="off"
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
          </div>
          <small className="soft">Kept encrypted, for this registry alone. The image is pulled now.</small>
        </details>
      )}
      {type === "upload" && (
        <Field
          label="Folder"
          value={folder}
          onChange={(event) => setFolder(event.target.value)}
          placeholder="api"
          hint="Its Dockerfile is built; without one it runs as what it holds. Folders are uploaded in Files, archives too."
          required
        />
      )}
      {type === "empty" && (
        <Field label="Start command" value={command} onChange={(event) => setCommand(event.target.value)} />
      )}
      <Field label="Name" value={name} onChange={(event) => setName(event.target.value)} placeholder={proposed} />
      {type !== "database" && !username && (
        <Field
          label="Port it listens on"
          type="number"
          min={1}
          max={65535}
          value={port}
          onChange={(event) => setPort(event.target.value)}
          hint="Gets a preview address. Leave it out if there is none."
        />
      )}
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main" disabled={busy}>
          Add
        </Button>
      </div>
    </Dialog>
  );
}
