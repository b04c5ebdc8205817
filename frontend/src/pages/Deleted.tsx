// Organisations in the bin that one owns; nothing where there is none.
import { useState } from "react";
import { type Organization, type Page, post, type Refused } from "../api";
import { useReload } from "../me";
import { Button, Notice } from "../parts/controls";
import { When } from "../parts/words";
import { go } from "../router";
import { useLoad } from "./load";
import { pathOf } from "./places";

type Row = { id: string; name: string; deleted_at: string; purged_at: string };

export function Deleted() {
  const reload = useReload();
  const { data } = useLoad<Page<Row>>("/organizations/bin", /access|organization\./);
  const [failure, setFailure] = useState("");
  if (!data?.items.length) return null;
  const restore = (row: Row) =>
    post<Organization>(`/organizations/${row.id}/restore`).then(
      async (back) => {
        await reload();
        go(pathOf(back));
      },
      (error: Refused) => setFailure(error.message),
    );
  return (
    <section className="page-part">
      <h2>Deleted organisations</h2>
      <Notice text={failure} />
      <ul className="lines" aria-label="Deleted organisations">
        {data.items.map((row) => (
          <li key={row.id}>
            <span className="line-name">
              <strong>{row.name}</strong>
              <small className="soft">
                deleted <When at={row.deleted_at} /> · gone for good <When at={row.purged_at} />
              </small>
            </span>
            <Button aria-label={`Restore ${row.name}`} onClick={() => restore(row)}>
              Restore
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
