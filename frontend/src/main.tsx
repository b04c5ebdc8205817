// The page: signs in or shows where one is.
import { lazy, StrictMode, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { get, keepCsrfToken, type Me, type Refused } from "./api";
import { begin, follow } from "./feed";
import { inTurn } from "./inTurn";
import { MeContext, ReloadContext } from "./me";
import { Boundary } from "./parts/Boundary";
import { Button, Notice } from "./parts/controls";
import { go, INSIDE, usePath } from "./router";
import { forget, load as loadSettings } from "./shell/settings";
import "./stale";
import "./shell/theme";
import "./styles.css";
import "./shell/shell.css";

// The editor and the terminal make <style> elements; the Content-Security-Policy lets only those with this page's nonce in.
const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
const create = document.createElement.bind(document);
document.createElement = ((tag: string, options?: ElementCreationOptions) => {
  const element = create(tag, options);
  if (tag.toLowerCase() === "style") element.nonce = nonce;
  return element;
}) as typeof document.createElement;

// Whoever signs in needs none of them yet; whoever opens a session needs none of the other pages.
const Workbench = lazy(() => import("./session/Workbench"));
const Enter = lazy(() => import("./pages/enter/Enter"));
const Frame = lazy(() => import("./pages/Frame"));

const ENTRANCE = ["/sign-in", "/setup", "/register", "/forgot-password", "/reset-password", "/verify-email"];
const WANTED = "wanted"; // where one wanted to go before having to sign in

function App() {
  const path = usePath();
  const [me, setMe] = useState<Me | null | undefined>(undefined);
  const [failure, setFailure] = useState("");
  const arrivals = useRef(0); // who asked before the last of them hears of somebody who may be gone

  const arrive = useCallback((found: Me | null) => {
    arrivals.current++;
    keepCsrfToken(found?.csrf_token ?? "");
    if (found) begin(found.feed);
    setMe(found);
    if (found) void loadSettings();
  }, []);

  const load = useCallback(() => {
    setFailure("");
    get<Me>("/auth/me").then(arrive, (error: Refused) =>
      error.status === 401 ? arrive(null) : setFailure(error.message),
    );
  }, [arrive]);

  const reload = useMemo(
    () =>
      inTurn(() => {
        const asked = arrivals.current;
        return get<Me>("/auth/me").then(
          (found) => {
            if (asked !== arrivals.current) return null;
            keepCsrfToken(found.csrf_token);
            setMe(found);
            return found;
          },
          (error: Refused) => {
            if (error.status === 401 && asked === arrivals.current) arrive(null);
            return null;
          },
        );
      }),
    [arrive],
  );

  useEffect(load, [load]);
  const isIn = Boolean(me);
  useEffect(() => {
    if (isIn) return follow((fact) => /^(member|organization|access|reset)\b/.test(fact.name) && void reload());
  }, [isIn, reload]);
  useEffect(() => {
    if (me === null && INSIDE.test(path)) {
      sessionStorage.setItem(WANTED, path + location.search);
      go("/sign-in");
    }
    const preview = new URLSearchParams(location.search).get("preview");
    if (me && path === "/sign-in" && preview !== null)
      location.replace(`/api/v1/preview-entry?to=${encodeURIComponent(preview)}`); // which looks at where it leads
    else if (me && ["/", "/sign-in", "/setup"].includes(path)) {
      const invitation = new URLSearchParams(location.search).get("invitation");
      const wanted = invitation
        ? `/register?invitation=${encodeURIComponent(invitation)}`
        : sessionStorage.getItem(WANTED);
      sessionStorage.removeItem(WANTED);
      if (wanted || path !== "/") go(wanted ?? "/"); // at `/` is who comes back from a provider
    }
  }, [me, path]);

  if (failure)
    return (
      <main className="centre">
        <Notice text={failure} />
        <Button onClick={load}>Try again</Button>
      </main>
    );
  if (me === undefined) return <main className="centre" aria-busy="true" />;
  const leave = () => {
    go("/"); // whoever signs in next begins at the start
    forget();
    sessionStorage.clear(); // what was being written is nobody's but theirs
    arrive(null);
  };
  const enter = (found: Me | null) => {
    arrive(found);
    if (found && path === "/register") go("/");
  };
  const session = /^\/s\/([\w-]+)$/.exec(path)?.[1];
  return (
    <MeContext.Provider value={me}>
      <ReloadContext.Provider value={reload}>
        <Suspense fallback={<main className="centre" aria-busy="true" />}>
          {me === null || ENTRANCE.includes(path) ? (
            <Enter path={path} me={me} onEnter={enter} />
          ) : session ? (
            <Workbench key={session} sessionId={session} />
          ) : (
            <Frame path={path} onLeave={leave} />
          )}
        </Suspense>
      </ReloadContext.Provider>
    </MeContext.Provider>
  );
}

const root = document.getElementById("page");
if (root)
  createRoot(root).render(
    <StrictMode>
      <Boundary>
        <App />
      </Boundary>
    </StrictMode>,
  );
