// Webhooks: facts sent to one's own servers (/webhooks, /webhooks/out/{id}), and events of providers received (/webhooks/in).
import { Link } from "../../parts/Link";
import { PageHead } from "../Frame";
import { atLeast, type PageProps, pathOf } from "../places";
import { OneReceiver } from "./OneReceiver";
import { OneWebhook } from "./OneWebhook";
import { Receivers } from "./Receivers";
import { Sent } from "./Sent";
import "./webhooks.css";

export default function Webhooks({ organization, rest: [given, id] }: PageProps) {
  const manages = atLeast(organization.role, "admin");
  const part = given ?? (manages ? "out" : "in");
  if (id && part === "out" && manages) return <OneWebhook key={id} organization={organization} id={id} />;
  if (id && part === "in") return <OneReceiver key={id} organization={organization} id={id} />;
  const tab = (path: string, title: string) => (
    <Link to={pathOf(organization, "webhooks", path)} aria-current={path === part ? "page" : undefined}>
      {title}
    </Link>
  );
  return (
    <>
      <PageHead title="Webhooks" />
      <nav className="parts" aria-label="Webhooks">
        {manages && tab("out", "Outgoing")}
        {tab("in", "Incoming")}
      </nav>
      {part === "out" && manages ? <Sent organization={organization} /> : <Receivers organization={organization} />}
    </>
  );
}
