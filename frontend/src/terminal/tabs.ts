// Which terminals are open, in which tabs, beside which others. Plain data and functions of it; kept by the terminals' ids.

export type Service = { id: string; name: string };
/** `id` is null until the server has made it; `ended` says how its program ended. */
export type Pane = { key: string; id: string | null; service: Service | null; title: string; ended: string };
export type Tab = { key: string; panes: Pane[]; current: string };
export type Open = { tabs: Tab[]; current: string };

export const NONE: Open = { tabs: [], current: "" };
export const MOST_PANES = 4;
let made = 0;

export function pane(id: string | null, service: Service | null): Pane {
  made += 1;
  return { key: `p${made}`, id, service, title: "", ended: "" };
}

const tabOf = (...panes: Pane[]): Tab => ({ key: `t${panes[0]?.key}`, panes, current: panes[0]?.key ?? "" });

export const currentTab = (open: Open): Tab | undefined => open.tabs.find((tab) => tab.key === open.current);
export const currentPane = (open: Open): Pane | undefined => {
  const tab = currentTab(open);
  return tab?.panes.find((one) => one.key === tab.current);
};

export function add(open: Open, fresh: Pane): Open {
  const tab = tabOf(fresh);
  return { tabs: [...open.tabs, tab], current: tab.key };
}

/** Puts a terminal beside the current one; in a tab of its own where there is no room. */
export function split(open: Open, fresh: Pane): Open {
  const tab = currentTab(open);
  if (!tab || tab.panes.length >= MOST_PANES) return add(open, fresh);
  const at = tab.panes.findIndex((one) => one.key === tab.current) + 1;
  const panes = [...tab.panes.slice(0, at), fresh, ...tab.panes.slice(at)];
  return change(open, tab.key, { ...tab, panes, current: fresh.key });
}

export function close(open: Open, key: string): Open {
  const tab = open.tabs.find((one) => one.panes.some((pane) => pane.key === key));
  if (!tab) return open;
  const at = tab.panes.findIndex((one) => one.key === key);
  const panes = tab.panes.filter((one) => one.key !== key);
  if (panes.length > 0) {
    const current = tab.current === key ? (panes[Math.min(at, panes.length - 1)]?.key ?? "") : tab.current;
    return change(open, tab.key, { ...tab, panes, current });
  }
  const place = open.tabs.indexOf(tab);
  const tabs = open.tabs.filter((one) => one !== tab);
  const current = open.current === tab.key ? (tabs[Math.min(place, tabs.length - 1)]?.key ?? "") : open.current;
  return { tabs, current };
}

export function focus(open: Open, key: string): Open {
  const tab = open.tabs.find((one) => one.panes.some((pane) => pane.key === key));
  if (!tab || (open.current === tab.key && tab.current === key)) return open;
  return { ...change(open, tab.key, { ...tab, current: key }), current: tab.key };
}

export function update(open: Open, key: string, parts: Partial<Pane>): Open {
  const tabs = open.tabs.map((tab) =>
    tab.panes.some((one) => one.key === key)
      ? { ...tab, panes: tab.panes.map((one) => (one.key === key ? { ...one, ...parts } : one)) }
      : tab,
  );
  return { ...open, tabs };
}

/** Another one in a terminal's place. */
export function replace(open: Open, key: string, fresh: Pane): Open {
  const tabs = open.tabs.map((tab) =>
    tab.panes.some((one) => one.key === key)
      ? { ...tab, panes: tab.panes.map((one) => (one.key === key ? fresh : one)), current: fresh.key }
      : tab,
  );
  return { ...open, tabs };
}

/** The tab `by` places further, round the ends. */
export function turnTab(open: Open, by: number): Open {
  const at = open.tabs.findIndex((tab) => tab.key === open.current);
  const next = open.tabs[(at + by + open.tabs.length) % open.tabs.length];
  return next ? { ...open, current: next.key } : open;
}

export function turnPane(open: Open, by: number): Open {
  const tab = currentTab(open);
  if (!tab) return open;
  const at = tab.panes.findIndex((one) => one.key === tab.current);
  const next = tab.panes[(at + by + tab.panes.length) % tab.panes.length];
  return next ? change(open, tab.key, { ...tab, current: next.key }) : open;
}

const change = (open: Open, key: string, tab: Tab): Open => ({
  ...open,
  tabs: open.tabs.map((one) => (one.key === key ? tab : one)),
});

/** What to keep: the ids of each tab's terminals, and the one in front. */
export function toKeep(open: Open): string {
  const groups = open.tabs.map((tab) => tab.panes.flatMap((one) => (one.id ? [one.id] : [])));
  return JSON.stringify({ groups: groups.filter((ids) => ids.length > 0), current: currentPane(open)?.id ?? "" });
}

/** The running terminals as they were arranged when that was kept; those that are new to it in tabs of their own. */
export function restored(kept: string | null, running: { id: string; service: Service | null }[]): Open {
  const left = new Map(running.map((row) => [row.id, row]));
  const tabs: Tab[] = [];
  const { groups, current } = parsed(kept);
  for (const ids of groups) {
    const panes = ids.slice(0, MOST_PANES).flatMap((id) => {
      const row = left.get(id);
      left.delete(id);
      return row ? [pane(row.id, row.service)] : [];
    });
    if (panes.length > 0) tabs.push(tabOf(...panes));
  }
  for (const row of left.values()) tabs.push(tabOf(pane(row.id, row.service)));
  const open = { tabs, current: tabs[0]?.key ?? "" };
  const front = tabs.flatMap((tab) => tab.panes).find((one) => one.id === current);
  return front ? focus(open, front.key) : open;
}

function parsed(kept: string | null): { groups: string[][]; current: string } {
  try {
    const found = JSON.parse(kept ?? "") as { groups?: unknown; current?: unknown };
    const groups = Array.isArray(found.groups) ? found.groups.filter(Array.isArray) : [];
    return { groups, current: String(found.current ?? "") };
  } catch {
    return { groups: [], current: "" };
  }
}
