import { expect, test } from "vitest";
import { Acks } from "./protocol";
import { add, close, currentPane, focus, NONE, pane, restored, split, toKeep } from "./tabs";
import { cleanTitle, fileLinks, webAddress } from "./text";

test("bytes are acknowledged every 64 KiB of what was shown, from the offset of the attachment", () => {
  const acks = new Acks(1000);
  acks.arrived(70_000);
  expect(acks.seen).toBe(71_000);
  expect(acks.shown(60_000)).toBeNull();
  expect(acks.shown(10_000)).toBe(71_000);
  expect(acks.shown(1)).toBeNull();
});

test("a title is one line of visible text, whatever the program sent", () => {
  expect(cleanTitle("\u202evim\u0007 <b>a</b>\n")).toBe("vim <b>a</b>");
  expect(cleanTitle("x".repeat(1000))).toHaveLength(80);
});

test("only web pages are opened", () => {
  expect(webAddress("https://example.com/a")).toBe("https://example.com/a");
  for (const address of [
    "javascript:alert(1)",
    "JAVASCRIPT:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "nothing",
  ])
    expect(webAddress(address)).toBeNull();
});

test("names of files are found as compilers and tracebacks write them", () => {
  const found = (line: string) => fileLinks(line).map(({ path, line: at, column }) => [path, at, column]);
  expect(found("src/a.ts:12:3 - error TS2345")).toEqual([["src/a.ts", 12, 3]]);
  expect(found('  File "/workspace/app/main.py", line 7, in <module>')).toEqual([["app/main.py", 7, null]]);
  expect(found("tests/test_a.py::test_x FAILED")).toEqual([["tests/test_a.py", null, null]]);
  expect(found("src/b.ts(4,9): error")).toEqual([["src/b.ts", 4, 9]]);
  for (const line of [
    "version 1.2.3",
    "https://example.com/a.html",
    "../../etc/passwd.txt",
    "ada@example.com",
    "/etc/hosts.conf:3",
  ])
    expect(found(line)).toEqual([]);
});

test("terminals are found again in the tabs and splits they were in", () => {
  const row = (id: string) => ({ id, service: null });
  let open = add(NONE, { ...pane("a", null) });
  open = split(open, pane("b", null));
  open = add(open, pane("c", null));
  open = focus(open, open.tabs[0]?.panes[0]?.key ?? "");
  const again = restored(toKeep(open), [row("a"), row("b"), row("d")]);
  expect(again.tabs.map((tab) => tab.panes.map((one) => one.id))).toEqual([["a", "b"], ["d"]]);
  expect(currentPane(again)?.id).toBe("a");
  expect(restored("nonsense", [row("a")]).tabs).toHaveLength(1);
  expect(restored('{"groups": [[7, {}], "x"]}', []).tabs).toEqual([]);
});

test("closing goes to what stood beside it", () => {
  let open = split(split(add(NONE, pane("a", null)), pane("b", null)), pane("c", null));
  open = close(open, currentPane(open)?.key ?? "");
  expect(currentPane(open)?.id).toBe("b");
  for (const _ of "ab") open = close(open, currentPane(open)?.key ?? "");
  expect(open).toEqual(NONE);
});
