// What each role may: the server's own table.
import type { Role } from "../../api";
import { Notice } from "../../parts/controls";
import { Icon } from "../../shell/icons";
import { useLoad } from "../load";
import { ROLE_WORDS, type Roles } from "./types";

export function Rights() {
  const { data, failure } = useLoad<Roles>("/roles");
  const roles = data?.roles.filter((row) => row.scopes.length > 0) ?? [];
  const given = roles.filter((row) => row.in_workspaces).map((row) => ROLE_WORDS[row.role as Role] ?? row.role);
  return (
    <>
      <p className="lead">
        A role holds in the whole organisation. In a single workspace people and teams can be given more or less:{" "}
        {given.join(", ")} or nothing at all. Only owners make, change and remove owners.
      </p>
      <Notice text={failure} />
      {data && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be scrolled by keys, too
        <section className="sideways" aria-label="Rights of each role" tabIndex={0}>
          <table className="page-table">
            <thead>
              <tr>
                <th scope="col">Right</th>
                {roles.map((row) => (
                  <th scope="col" key={row.role}>
                    {ROLE_WORDS[row.role as Role] ?? row.role}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {Object.entries(data.scopes).map(([scope, words]) => (
                <tr key={scope}>
                  <th scope="row">
                    {words}
                    <small className="soft">{scope}</small>
                  </th>
                  {roles.map((row) => (
                    <td key={row.role}>
                      {row.scopes.includes(scope) ? (
                        <>
                          <Icon name="check" />
                          <span className="hidden">yes</span>
                        </>
                      ) : (
                        <span className="soft">
                          <span aria-hidden>–</span>
                          <span className="hidden">no</span>
                        </span>
                      )}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </>
  );
}
