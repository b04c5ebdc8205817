// The top of the page: where one is, the way to everything else, and what is shown around the editors.
import { lazy, Suspense } from "react";
import { go } from "../router";
import type { Bench } from "./bench";
import { CommandButton, MenuButton, menuOf } from "./controls";
import { Icon } from "./icons";
import { shown } from "./keys";
import { useStore } from "./store";

const Bell = lazy(() => import("../pages/notices/Bell"));

export function Brand() {
  return (
    <a
      className="brand"
      href="/"
      onClick={(event) => {
        event.preventDefault();
        go("/");
      }}
    >
      <svg viewBox="0 0 16 16" width="22" height="22" aria-hidden="true">
        <rect width="16" height="16" rx="4" />
        <path d="M4 5l3 3-3 3M8.5 11.5h4" />
      </svg>
      <span className="hidden">Codeyard: all workspaces</span>
    </a>
  );
}

export function TitleBar({ bench }: { bench: Bench }) {
  const { session, workspace, sessions } = useStore(bench.info);
  return (
    <header className="top">
      <Brand />
      <span className="where" title={workspace?.name}>
        {workspace?.name}
      </span>
      <span className="soft slash" aria-hidden>
        /
      </span>
      <select aria-label="Session" value={bench.sessionId} onChange={(event) => go(`/s/${event.target.value}`)}>
        {sessions.map((row) => (
          <option key={row.id} value={row.id}>
            {row.name}
          </option>
        ))}
      </select>
      {!bench.may("files:write") && (
        <span className="soft looking" title="Your role here may look at everything and change nothing.">
          Read only
        </span>
      )}
      {session && <CommandButton bench={bench} id="session.fork" />}
      <button type="button" className="ask" onClick={() => bench.run("palette.files")}>
        <Icon name="search" />
        <span>Go to anything</span>
        <kbd>{shown("Mod-P")}</kbd>
      </button>
      <div className="top-tools">
        <Suspense>
          <Bell />
        </Suspense>
        <CommandButton bench={bench} id="side.toggle" />
        <CommandButton bench={bench} id="panel.toggle" />
        <CommandButton bench={bench} id="help.keys" />
        <MenuButton
          icon="more"
          label="More"
          items={() =>
            menuOf(bench, [
              "palette.commands",
              "line",
              "session.fork",
              "session.delete",
              "line",
              "theme.light",
              "theme.dark",
              "theme.system",
              "settings.open",
              "line",
              "home.open",
            ])
          }
        />
      </div>
    </header>
  );
}
