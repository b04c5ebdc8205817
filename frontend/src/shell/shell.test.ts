import { expect, test } from "vitest";
import { best, fuzzy } from "./fuzzy";
import { matches, named } from "./keys";
import { closeTab, FRESH, focusedGroup, moveTab, openTab, renamePaths, restored, split, turnTab } from "./layout";

const pressed = (key: string, parts: Partial<KeyboardEvent> = {}) => ({
  key,
  code: "",
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...parts,
});
const tab = (path: string, preview = false) => ({ id: `file:${path}`, kind: "text", title: path, path, preview });

test("keys match with exactly their modifiers, and Mod is ⌘ on Macs", () => {
  expect(matches(pressed("P", { ctrlKey: true, shiftKey: true }), "Mod-Shift-P", false)).toBe(true);
  expect(matches(pressed("p", { ctrlKey: true }), "Mod-Shift-P", false)).toBe(false);
  expect(matches(pressed("p", { metaKey: true }), "Mod-P", true)).toBe(true);
  expect(matches(pressed("¡", { altKey: true, code: "Digit1" }), "Alt-1", true)).toBe(true);
  expect(matches(pressed("?", { shiftKey: true }), "?", false)).toBe(true);
  expect(matches(pressed("-", { ctrlKey: true }), "Mod--", false)).toBe(true);
  expect(named("Mod-Shift-P", false)).toEqual(["Ctrl", "Shift", "P"]);
});

test("what was typed is found in order, file names before folders, starts of words before middles", () => {
  expect(fuzzy("xyz", "src/a.ts")).toBeNull();
  expect(fuzzy("app", "src/app.ts")?.marks).toEqual([4, 5, 6]);
  const paths = ["application/deep/other.py", "lib/app.py", "lib/wrapped.py"];
  expect(best("app", paths, (one) => one, 3).map((row) => row.item)[0]).toBe("lib/app.py");
  expect(best("gp", ["graph.py", "get_path.py"], (one) => one, 1)[0]?.item).toBe("get_path.py");
});

test("a tab that is only looked at gives way to the next one", () => {
  let layout = openTab(openTab(FRESH, tab("a", true)), tab("b", true));
  expect(focusedGroup(layout).tabs.map((one) => one.path)).toEqual(["b"]);
  layout = openTab(openTab(layout, tab("b")), tab("c", true));
  expect(focusedGroup(layout).tabs.map((one) => one.path)).toEqual(["b", "c"]);
});

test("a group splits, takes tabs, and goes with its last one", () => {
  let layout = split(openTab(openTab(FRESH, tab("a")), tab("b")));
  expect(layout.groups.map((group) => group.tabs.map((one) => one.path))).toEqual([["a", "b"], ["b"]]);
  layout = moveTab(layout, 1, "file:a", 2, "file:b");
  expect(layout.groups.map((group) => group.tabs.map((one) => one.path))).toEqual([["b"], ["a", "b"]]);
  layout = closeTab(layout, 1, "file:b");
  expect(layout.groups).toHaveLength(1);
  expect(layout.focused).toBe(2);
  expect(turnTab(layout, 1).groups[0]?.current).toBe("file:b");
});

test("tabs follow files that move and close with those that go", () => {
  const open = openTab(openTab(FRESH, tab("old/a")), tab("b"));
  const layout = renamePaths(open, (path) => (path === "b" ? null : path.replace("old/", "new/")));
  expect(focusedGroup(layout).tabs.map((one) => one.id)).toEqual(["file:new/a"]);
  expect(focusedGroup(layout).current).toBe("file:new/a");
});

test("what another version of the page kept does no harm", () => {
  expect(restored(null)).toEqual(FRESH);
  expect(restored("{broken")).toEqual(FRESH);
  expect(restored('{"groups": [{"id": "x"}, {"id": 3, "tabs": [{"id": "a"}]}]}').groups).toHaveLength(1);
});
