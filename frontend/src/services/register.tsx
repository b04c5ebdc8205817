// Services in the workbench: their list at the side, one looked at in the dock, database files as tabs.
import { createContext, lazy, type ReactNode, Suspense, useContext } from "react";
import type { Bench } from "../shell/bench";
import { Tool } from "../shell/controls";
import { type EditorProps, editor, provider, view } from "../shell/registry";
import { useSelected, useStore } from "../shell/store";
import type { Part } from "./ServicesView";
import type { Service } from "./types";
import { type Stack, useServices } from "./useServices";

type Look = { service: string; part: Part };
const StackContext = createContext<Stack | null>(null);
const List = lazy(async () => ({ default: (await import("./ServicesView")).ServicesView }));
const Pane = lazy(async () => ({ default: (await import("./ServicePane")).ServicePane }));
const Database = lazy(async () => ({ default: (await import("./Database")).Database }));

function useStack(): Stack {
  const stack = useContext(StackContext);
  if (!stack) throw new Error("services are shown outside of a session");
  return stack;
}

function StackProvider({ bench, children }: { bench: Bench; children?: ReactNode }) {
  const ready = useSelected(bench.info, (info) => info.session?.status === "ready");
  const wanted = useSelected(bench.layout, (layout) => layout.side === "services" || layout.dock !== null);
  const writes = useSelected(bench.info, () => bench.may("services:write"));
  const stack = useServices(bench.sessionId, ready && wanted, useStore(bench.tick), writes);
  return <StackContext.Provider value={stack}>{children}</StackContext.Provider>;
}
provider(StackProvider);

function lookAt(bench: Bench, service: Service, part?: Part): void {
  if (part === "terminal") {
    bench.run("terminal.new", { id: service.id, name: service.name });
    return;
  }
  const old = bench.layout.get().dock?.data as Look | undefined;
  bench.show("service", {
    service: service.id,
    part: part ?? old?.part ?? (service.state === "failed" ? "overview" : "logs"),
  } satisfies Look);
}

function Services({ bench }: { bench: Bench }) {
  const looked = useSelected(bench.layout, (layout) => (layout.dock?.data as Look | undefined)?.service);
  const { session, sessions } = useStore(bench.info);
  const stack = useStack();
  if (!session) return null;
  return (
    <List
      session={session}
      others={sessions.filter((one) => one.id !== session.id)}
      stack={stack}
      current={looked ?? ""}
      onLook={(service, part) => lookAt(bench, service, part)}
      onOpen={(path, line) => bench.openFile(path, line)}
    />
  );
}
view({ id: "services", place: "side", title: "Services", icon: "services", order: 50, component: Services });

function LookedAt({ bench, data }: { bench: Bench; data?: unknown }) {
  const { service: id, part } = data as Look;
  const stack = useStack();
  const wide = useSelected(bench.layout, (layout) => layout.wide);
  const service = stack.found?.items.find((row) => row.id === id);
  if (service)
    return (
      <Pane
        key={service.id}
        sessionId={bench.sessionId}
        service={service}
        stack={stack}
        part={part}
        wide={wide}
        opens={bench.may("terminals:write")}
        onPart={(part) => lookAt(bench, service, part)}
        onWide={() => bench.arrange({ wide: !wide })}
        onClose={() => bench.hide("dock")}
        onOpen={(path, line) => bench.openFile(path, line)}
      />
    );
  return (
    <>
      <div className="row pane-head">
        <strong>Service</strong>
        <span className="grow" />
        <Tool icon="close" label="Close the pane" onClick={() => bench.hide("dock")} />
      </div>
      {stack.found && <p className="empty soft">This service is gone.</p>}
    </>
  );
}
view({ id: "service", place: "dock", title: "Service", icon: "services", order: 10, component: LookedAt });

function SqliteTab({ bench, tab }: EditorProps) {
  const path = tab.path ?? "";
  return (
    <Suspense>
      <div className="part alone">
        <Database
          base={`/workspace/${bench.sessionId}/sqlite`}
          query={`?path=${encodeURIComponent(path)}`}
          name={path}
          engine="sqlite"
          writes={bench.may("files:write")}
          up
        />
      </div>
    </Suspense>
  );
}
editor({
  kind: "sqlite",
  icon: "database",
  component: SqliteTab,
  opens: (path) => /\.(sqlite3?|db3?)$/i.test(path),
  keeps: true,
});
