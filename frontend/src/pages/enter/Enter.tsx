// What one sees before being signed in, and where the links lead that mail carries.
import type { ReactNode } from "react";
import type { Me } from "../../api";
import { Link } from "../../parts/Link";
import { INSIDE } from "../../router";
import { Invited } from "./Invited";
import { ConfirmAddress, ForgotPassword, ResetPassword } from "./links";
import { Register, Setup } from "./Register";
import { SignIn } from "./SignIn";

export type EnterProps = { me: Me | null; onEnter: (me: Me | null) => void };

export default function Enter({ path, ...rest }: EnterProps & { path: string }) {
  const query = new URLSearchParams(location.search);
  const token = query.get("token") ?? "";
  const invitation = query.get("invitation") ?? "";
  if (path === "/setup") return <Setup token={token} {...rest} />;
  if (path === "/register" && invitation) return <Invited code={invitation} {...rest} />;
  if (path === "/register") return <Register {...rest} />;
  if (path === "/forgot-password") return <ForgotPassword />;
  if (path === "/reset-password") return <ResetPassword token={token} {...rest} />;
  if (path === "/verify-email") return <ConfirmAddress token={token} {...rest} />;
  if (path !== "/sign-in" && !INSIDE.test(path)) return <Nowhere />;
  return <SignIn error={query.get("error") ?? ""} invitation={invitation} {...rest} />;
}

function Nowhere() {
  return (
    <Card lead="There is no such page.">
      <p>Its address may be mistyped, or it has moved.</p>
      <Link className="button" to="/sign-in">
        Sign in
      </Link>
    </Card>
  );
}

/** The card in the middle that each of these pages is. */
export function Card({ lead, children }: { lead: ReactNode; children?: ReactNode }) {
  return (
    <main className="centre">
      <div className="card">
        <h1 className="brand">Codeyard</h1>
        <p className="lead">{lead}</p>
        {children}
      </div>
    </main>
  );
}
