// Where everything stands: which views are open, and the groups of tabs. Plain data and functions of it; kept in the browser.

export type Tab = {
  id: string; // the same id is the same tab: "file:src/a.py"
  kind: string; // which registered editor shows it
  title: string;
  path?: string; // of the working copy, where it is about a file
  data?: unknown; // JSON that the editor understands
  preview?: boolean; // gives way to the next one that is only looked at
};
export type Group = { id: number; tabs: Tab[]; current: string };
export type Area = "side" | "editors" | "panel" | "dock";
export type Layout = {
  side: string; // view ids; an empty one is closed
  lastSide: string;
  panel: string;
  lastPanel: string;
  dock: { view: string; data: unknown } | null;
  wide: boolean; // the dock fills the page
  tall: boolean; // the panel does
  area: Area; // which one is shown where there is room for one only
  groups: Group[];
  focused: number; // the id of the group that new tabs go to
  stacked: boolean; // groups above each other instead of side by side
};

export const FRESH: Layout = {
  side: "files",
  lastSide: "files",
  panel: "terminals",
  lastPanel: "terminals",
  dock: null,
  wide: false,
  tall: false,
  area: "side",
  groups: [{ id: 1, tabs: [], current: "" }],
  focused: 1,
  stacked: false,
};
export const MOST_GROUPS = 4;

export const focusedGroup = (layout: Layout): Group =>
  layout.groups.find((group) => group.id === layout.focused) ?? (layout.groups[0] as Group);
export const currentTab = (layout: Layout): Tab | undefined => {
  const group = focusedGroup(layout);
  return group.tabs.find((tab) => tab.id === group.current);
};

const change = (layout: Layout, id: number, how: (group: Group) => Group): Layout => ({
  ...layout,
  groups: layout.groups.map((group) => (group.id === id ? how(group) : group)),
});

/** Shows the tab in the focused group, or in a group that has it already. */
export function openTab(layout: Layout, tab: Tab): Layout {
  const there = [focusedGroup(layout), ...layout.groups].find((group) => group.tabs.some((one) => one.id === tab.id));
  const group = there ?? focusedGroup(layout);
  const shown = change({ ...layout, focused: group.id, area: "editors", wide: false, tall: false }, group.id, (old) => {
    const known = old.tabs.findIndex((one) => one.id === tab.id);
    const tabs = [...old.tabs];
    if (known >= 0) {
      tabs[known] = { ...tabs[known], ...tab, preview: tabs[known]?.preview && tab.preview };
    } else {
      const at = old.tabs.findIndex((one) => one.id === old.current);
      tabs.splice(at < 0 ? tabs.length : at + 1, 0, tab);
    }
    const kept = known < 0 && tab.preview ? tabs.filter((one) => !one.preview || one.id === tab.id) : tabs;
    return { ...old, tabs: kept, current: tab.id };
  });
  return shown;
}

/** Takes the tab out; a group without tabs goes, unless it is the last. */
export function closeTab(layout: Layout, groupId: number, tabId: string): Layout {
  const closed = change(layout, groupId, (group) => {
    const at = group.tabs.findIndex((tab) => tab.id === tabId);
    if (at < 0) return group;
    const tabs = group.tabs.filter((tab) => tab.id !== tabId);
    const current = group.current === tabId ? (tabs[Math.min(at, tabs.length - 1)]?.id ?? "") : group.current;
    return { ...group, tabs, current };
  });
  return tidy(closed);
}

function tidy(layout: Layout): Layout {
  const filled = layout.groups.filter((group) => group.tabs.length > 0);
  const groups = filled.length > 0 ? filled : layout.groups.slice(0, 1);
  const focused = groups.some((group) => group.id === layout.focused) ? layout.focused : (groups.at(-1)?.id ?? 1);
  return groups.length === layout.groups.length && focused === layout.focused ? layout : { ...layout, groups, focused };
}

export function keepTab(layout: Layout, tabId: string): Layout {
  const previews = layout.groups.some((group) => group.tabs.some((tab) => tab.id === tabId && tab.preview));
  if (!previews) return layout;
  const keep = (tab: Tab) => (tab.id === tabId ? { ...tab, preview: false } : tab);
  return { ...layout, groups: layout.groups.map((group) => ({ ...group, tabs: group.tabs.map(keep) })) };
}

export function focusTab(layout: Layout, groupId: number, tabId: string): Layout {
  const group = layout.groups.find((one) => one.id === groupId);
  if (group?.current === tabId && layout.focused === groupId) return layout;
  return change({ ...layout, focused: groupId }, groupId, (old) => ({ ...old, current: tabId }));
}

/** The current tab once more, in a new group beside it. */
export function split(layout: Layout): Layout {
  const tab = currentTab(layout);
  if (!tab || layout.groups.length >= MOST_GROUPS) return layout;
  const id = Math.max(...layout.groups.map((group) => group.id)) + 1;
  const at = layout.groups.findIndex((group) => group.id === layout.focused);
  const groups = [...layout.groups];
  groups.splice(at + 1, 0, { id, tabs: [{ ...tab, preview: false }], current: tab.id });
  return { ...layout, groups, focused: id };
}

/** Moves a tab before another one, or to the end of a group. */
export function moveTab(layout: Layout, from: number, tabId: string, to: number, before = ""): Layout {
  const tab = layout.groups.find((group) => group.id === from)?.tabs.find((one) => one.id === tabId);
  if (!tab || tabId === before) return layout;
  const taken = change(layout, from, (group) => {
    const tabs = group.tabs.filter((one) => one.id !== tabId);
    return { ...group, tabs, current: group.current === tabId ? (tabs[0]?.id ?? "") : group.current };
  });
  const put = change({ ...taken, focused: to }, to, (group) => {
    const rest = group.tabs.filter((one) => one.id !== tabId);
    const at = rest.findIndex((one) => one.id === before);
    rest.splice(at < 0 ? rest.length : at, 0, tab);
    return { ...group, tabs: rest, current: tabId };
  });
  return tidy(put);
}

/** The tab `by` places further in the focused group, round its ends. */
export function turnTab(layout: Layout, by: number): Layout {
  const group = focusedGroup(layout);
  const at = group.tabs.findIndex((tab) => tab.id === group.current);
  const next = group.tabs[(at + by + group.tabs.length) % group.tabs.length];
  return next ? focusTab(layout, group.id, next.id) : layout;
}

/** Whether a path is that folder, or lies in it. */
export const isIn = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** Files that moved or went: tabs follow, or close. */
export function renamePaths(layout: Layout, moved: (path: string) => string | null): Layout {
  const groups = layout.groups.map((group) => {
    const tabs = group.tabs.flatMap((tab) => {
      if (tab.path === undefined) return [tab];
      const to = moved(tab.path);
      if (to === tab.path) return [tab];
      if (to === null) return [];
      return [{ ...tab, id: tab.id.replace(tab.path, to), title: to.split("/").pop() ?? to, path: to }];
    });
    const at = group.tabs.findIndex((tab) => tab.id === group.current);
    const still = tabs.find((tab) => tab.id === group.current) ?? tabs[Math.min(at, tabs.length - 1)];
    return { ...group, tabs, current: still?.id ?? "" };
  });
  return tidy({ ...layout, groups });
}

/** What was kept, as far as it can be used: it may be of another version of the page. */
export function restored(kept: string | null): Layout {
  try {
    const found = JSON.parse(kept ?? "") as Partial<Layout>;
    const groups = (found.groups ?? []).filter((group) => Number.isInteger(group.id) && Array.isArray(group.tabs));
    for (const group of groups) group.tabs = group.tabs.filter((tab) => tab.id && tab.kind && tab.title);
    const layout = { ...FRESH, ...found, groups: groups.length > 0 ? groups : FRESH.groups };
    return tidy({ ...layout, dock: null, wide: false, tall: false });
  } catch {
    return FRESH;
  }
}
