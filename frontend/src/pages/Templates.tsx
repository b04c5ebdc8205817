// Templates to start from: a card each, a question for what they want to know, and off to the session.
import { useEffect, useState } from "react";
import { get, type Organization, type Page, post, type Refused } from "../api";
import { Button, Dialog, Field, Notice } from "../parts/controls";
import { go } from "../router";
import { Icon } from "../services/Icon";
import type { Template } from "../services/types";

export function Templates({ organization }: { organization: Organization }) {
  const [rows, setRows] = useState<Template[]>([]);
  const [chosen, setChosen] = useState<Template | null>(null);
  useEffect(() => {
    get<Page<Template>>("/templates").then(
      (page) => setRows(page.items),
      () => setRows([]), // a server without templates has none to show
    );
  }, []);
  if (rows.length === 0) return null;
  return (
    <section aria-label="Templates">
      <h2 className="section">Start from a template</h2>
      <ul className="templates">
        {rows.map((row) => (
          <li key={row.id}>
            <button type="button" className="template" onClick={() => setChosen(row)}>
              <span className="row">
                <Icon name={row.icon} />
                <strong>{row.name}</strong>
              </span>
              <span className="soft">{row.description}</span>
              <span className="chips">
                {row.techstacks.map((stack) => (
                  <span className="chip" key={stack.name}>
                    {stack.name}
                  </span>
                ))}
                {row.services.length > 1 && <span className="soft small">{row.services.length} services</span>}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {chosen && <Start organization={organization} template={chosen} onClose={() => setChosen(null)} />}
    </section>
  );
}

function Start({
  organization,
  template,
  onClose,
}: {
  organization: Organization;
  template: Template;
  onClose: () => void;
}) {
  const [name, setName] = useState("");
  const [values, setValues] = useState<Record<string, string>>({});
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const create = () => {
    setBusy(true);
    post<{ session_id: string }>("/workspace/auto-create", {
      template: template.id,
      name: name.trim() || template.name,
      organization_id: organization.id,
      variables: Object.fromEntries(Object.entries(values).filter(([, value]) => value)),
    }).then(
      (made) => go(`/s/${made.session_id}?view=services`),
      (error: Refused) => {
        setBusy(false);
        setFailure(error.message);
      },
    );
  };
  return (
    <Dialog title={template.name} onClose={onClose} onSubmit={create}>
      <p className="soft">
        {template.description} {template.services.length > 0 && `Services: ${template.services.join(", ")}.`}
      </p>
      <Field
        label="Name"
        value={name}
        onChange={(event) => setName(event.target.value)}
        placeholder={template.name}
        autoFocus
      />
      {template.variables.map((variable) => (
        <Field
          key={variable.name}
          label={variable.name}
          hint={variable.description}
          placeholder={variable.generated ? "made for you, unless you give one" : (variable.default ?? "")}
          required={variable.default === null && !variable.generated}
          value={values[variable.name] ?? ""}
          onChange={(event) => setValues((old) => ({ ...old, [variable.name]: event.target.value }))}
        />
      ))}
      <Notice text={failure} />
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="main" disabled={busy}>
          {busy ? "Starting…" : "Create and run"}
        </Button>
      </div>
    </Dialog>
  );
}
