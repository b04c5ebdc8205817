// Rows as a CSV or JSON file.
import { useState } from "react";
import { download, type Refused } from "../api";

type Props = { path: string; body: Record<string, unknown>; name: string; disabled?: boolean };

export function Download({ path, body, name, disabled }: Props) {
  const [failure, setFailure] = useState("");
  const save = (format: string) => {
    setFailure("");
    download(path, { ...body, format }, `${name}.${format}`).catch((error: Refused) => setFailure(error.message));
  };
  return (
    <>
      <select
        aria-label={`Save ${name} as a file`}
        title={failure || "All rows, as a file"}
        className={failure ? "bad" : ""}
        value=""
        disabled={disabled}
        onChange={(event) => save(event.target.value)}
      >
        <option value="" disabled>
          {failure ? "Not saved" : "Save as"}
        </option>
        <option value="csv">CSV</option>
        <option value="json">JSON</option>
      </select>
      {failure && (
        <span className="hidden" role="alert">
          {failure}
        </span>
      )}
    </>
  );
}
