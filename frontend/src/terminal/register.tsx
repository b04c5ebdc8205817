// Terminals in the workbench: the panel's view, commands and settings.
import { lazy } from "react";
import type { Bench } from "../shell/bench";
import { command, view } from "../shell/registry";
import { change, setting, settingOf } from "../shell/settings";
import { canPaste } from "./clipboard";
import { terminalsOf } from "./state";
import { currentPane, type Service, turnPane } from "./tabs";
import "./terminal.css";

view({
  id: "terminals",
  place: "panel",
  title: "Terminals",
  icon: "terminal",
  order: 10,
  component: lazy(() => import("./Terminals")),
});
setting({
  key: "terminal.fontSize",
  group: "Terminal",
  title: "Font size",
  kind: "number",
  fallback: 13,
  least: 8,
  most: 32,
});
setting({
  key: "terminal.scrollback",
  group: "Terminal",
  title: "Lines kept",
  description: "For terminals that are opened from now on.",
  kind: "number",
  fallback: 10_000,
  least: 100,
  most: 100_000,
});
setting({
  key: "terminal.screenReader",
  group: "Terminal",
  title: "For screen readers",
  description: "Output is read out, and can be walked through line by line.",
  kind: "switch",
  fallback: false,
});

const group = "Terminal";
const ready = (bench: Bench) => bench.ready;
const has = (bench: Bench) => terminalsOf(bench).open.get().tabs.length > 0;

command({
  id: "terminal.new",
  needs: "terminals:write",
  group,
  title: "New terminal",
  icon: "plus",
  keys: "Alt-T",
  when: ready,
  run: async (bench, service) => {
    bench.show("terminals");
    const terminals = terminalsOf(bench);
    const first = terminals.open.get().tabs.length === 0;
    await terminals.load();
    if (service || !first) terminals.add((service as Service | undefined) ?? null);
  },
});
command({
  id: "terminal.split",
  needs: "terminals:write",
  group,
  title: "Split the terminal",
  icon: "split",
  keys: "Alt-Shift-T",
  when: ready,
  run: async (bench) => {
    bench.show("terminals");
    const first = !has(bench);
    await terminalsOf(bench).load();
    if (!first) terminalsOf(bench).split();
  },
});
command({
  id: "terminal.close",
  group,
  title: "End the terminal",
  icon: "trash",
  when: has,
  run: (bench) => {
    const pane = currentPane(terminalsOf(bench).open.get());
    if (pane) terminalsOf(bench).end(pane);
  },
});
command({
  id: "terminal.turn",
  group,
  title: "Into the terminal and back",
  keys: "Alt-`",
  run: (bench) => {
    if (document.activeElement?.closest(".xterm")) {
      bench.reveal("editors");
      document.querySelector<HTMLElement>(".tab-body:not([hidden]) :is(.cm-content, [tabindex='0'])")?.focus();
      return;
    }
    bench.show("terminals");
    requestAnimationFrame(() => terminalsOf(bench).handle?.focus());
  },
});
command({
  id: "terminal.type", // an argument: the text, which is not sent off
  title: "Type into the terminal",
  hidden: true,
  when: ready,
  run: async (bench, text) => {
    bench.show("terminals");
    await terminalsOf(bench).load();
    terminalsOf(bench).type(String(text ?? ""));
  },
});
command({
  id: "terminal.find",
  group,
  title: "Find in the terminal",
  icon: "search",
  keys: "Mod-Shift-F",
  within: ".terminals", // elsewhere these keys search the files
  when: has,
  run: (bench) => {
    bench.show("terminals");
    terminalsOf(bench).handle?.find();
  },
});
command({
  id: "terminal.clear",
  group,
  title: "Clear the terminal",
  when: has,
  run: (bench) => terminalsOf(bench).handle?.clear(),
});
command({
  id: "terminal.copy",
  group,
  title: "Copy from the terminal",
  icon: "copy",
  when: has,
  run: (bench) => terminalsOf(bench).handle?.copy(),
});
command({
  id: "terminal.paste",
  group,
  title: "Paste into the terminal",
  when: (bench) => has(bench) && canPaste(),
  run: (bench) => terminalsOf(bench).handle?.paste(),
});
command({
  id: "terminal.next",
  group,
  title: "Next terminal",
  keys: "Alt-Shift-PageDown",
  when: has,
  run: (bench) => terminalsOf(bench).turn(1),
});
command({
  id: "terminal.previous",
  group,
  title: "Previous terminal",
  keys: "Alt-Shift-PageUp",
  when: has,
  run: (bench) => terminalsOf(bench).turn(-1),
});
command({
  id: "terminal.nextPane",
  group,
  title: "Next terminal of the split",
  keys: "Alt-Shift-ArrowRight",
  when: has,
  run: (bench) => terminalsOf(bench).open.set((old) => turnPane(old, 1)),
});
command({
  id: "terminal.screenReader",
  group,
  title: "Terminals for screen readers, on or off",
  run: () => change("terminal.screenReader", !settingOf("terminal.screenReader")),
});
