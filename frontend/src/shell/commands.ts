// What the shell itself can do: the palette, tabs and groups, parts of the frame, theme, settings, help.
import { go } from "../router";
import type { Bench } from "./bench";
import { closeTab, focusTab, keepTab, MOST_GROUPS, split, turnTab } from "./layout";
import { command } from "./registry";
import { change } from "./settings";

const hasTab = (bench: Bench) => bench.tab !== undefined;
const has = (bench: Bench) => bench.layout.get().groups.length > 1;

command({
  id: "palette.files",
  title: "Go to file…",
  icon: "search",
  keys: "Mod-P",
  run: (bench) => bench.asking.set(""),
});
command({
  id: "palette.commands",
  title: "All commands…",
  icon: "keyboard",
  keys: ["Mod-Shift-P", "Mod-K"],
  run: (bench) => bench.asking.set(">"),
});
command({
  id: "help.keys",
  title: "Keyboard shortcuts",
  icon: "keyboard",
  keys: "?",
  run: (bench) => bench.dialog.set("keys"),
});
command({ id: "settings.open", title: "Settings", icon: "settings", keys: "Mod-,", run: () => go("/settings") });
command({ id: "home.open", title: "All workspaces", icon: "home", run: () => go("/") });

for (const [value, title] of [
  ["light", "Light theme"],
  ["dark", "Dark theme"],
  ["system", "Theme of the system"],
] as const)
  command({ id: `theme.${value}`, group: "Appearance", title, icon: "theme", run: () => change("theme", value) });

command({
  id: "side.toggle",
  group: "View",
  title: "Show or hide the side bar",
  icon: "side",
  keys: "Mod-B",
  run: (bench) => bench.toggle("side"),
});
command({
  id: "panel.toggle",
  group: "View",
  title: "Show or hide the panel",
  icon: "panel",
  keys: "Mod-J",
  run: (bench) => bench.toggle("panel"),
});

command({
  id: "tab.close",
  group: "Tabs",
  title: "Close the tab",
  icon: "close",
  keys: "Alt-W",
  when: (bench) => hasTab(bench) || bench.layout.get().dock !== null,
  run: (bench, id) => {
    if (id === undefined && document.activeElement?.closest(".dock")) return bench.hide("dock");
    return bench.close((id as string) ?? bench.tab?.id ?? "", bench.group.id);
  },
});
command({
  id: "tab.closeOthers",
  group: "Tabs",
  title: "Close the other tabs",
  when: hasTab,
  run: async (bench, id) => {
    const kept = (id as string) ?? bench.tab?.id;
    for (const tab of bench.group.tabs) if (tab.id !== kept) await bench.close(tab.id, bench.group.id);
  },
});
command({
  id: "tab.closeSaved",
  group: "Tabs",
  title: "Close all saved tabs",
  when: hasTab,
  run: (bench) => {
    for (const group of bench.layout.get().groups)
      for (const tab of group.tabs)
        if (!bench.unsaved.get().has(tab.id)) bench.layout.set((old) => closeTab(old, group.id, tab.id));
  },
});
command({
  id: "tab.keep",
  group: "Tabs",
  title: "Keep the tab open",
  when: (bench) => bench.group.tabs.some((tab) => tab.preview),
  run: (bench, id) => bench.layout.set((old) => keepTab(old, (id as string) ?? bench.tab?.id ?? "")),
});
command({
  id: "tab.next",
  group: "Tabs",
  title: "Next tab",
  keys: "Alt-PageDown",
  when: hasTab,
  run: (bench) => bench.layout.set((old) => turnTab(old, 1)),
});
command({
  id: "tab.previous",
  group: "Tabs",
  title: "Previous tab",
  keys: "Alt-PageUp",
  when: hasTab,
  run: (bench) => bench.layout.set((old) => turnTab(old, -1)),
});
command({
  id: "tab.copyPath",
  group: "Tabs",
  title: "Copy the path",
  icon: "copy",
  when: (bench) => bench.tab?.path !== undefined,
  run: (bench, id) => {
    const tab = bench.group.tabs.find((one) => one.id === id) ?? bench.tab;
    return navigator.clipboard?.writeText(tab?.path ?? "");
  },
});

command({
  id: "editor.split",
  group: "Tabs",
  title: "Split the editor",
  icon: "split",
  keys: "Mod-\\",
  when: (bench) => hasTab(bench) && bench.layout.get().groups.length < MOST_GROUPS,
  run: (bench) => bench.layout.set(split),
});
command({
  id: "editor.stack",
  group: "Tabs",
  title: "Groups beside or above each other",
  icon: "stack",
  when: has,
  run: (bench) => bench.arrange({ stacked: !bench.layout.get().stacked }),
});
for (const number of [1, 2, 3, 4])
  command({
    id: `group.${number}`,
    group: "Tabs",
    title: `Into editor group ${number}`,
    keys: `Mod-${number}`,
    when: (bench) => bench.layout.get().groups.length >= number && hasTab(bench),
    run: (bench) => {
      const group = bench.layout.get().groups[number - 1];
      if (!group) return;
      bench.layout.set((old) => focusTab(old, group.id, group.current));
      const shown = document.querySelectorAll(".group")[number - 1]?.querySelector(".tab-body:not([hidden])");
      shown?.querySelector<HTMLElement>(".cm-content, [tabindex='0']")?.focus();
    },
  });
