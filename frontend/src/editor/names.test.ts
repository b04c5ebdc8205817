import { expect, test } from "vitest";
import { endingOf, serverLanguage } from "./names";

test("a file's language goes by its name, then by the last ending, whatever its case", () => {
  expect(endingOf("a/b.test.TSX")).toBe("tsx");
  expect(endingOf("a/Makefile")).toBe("sh");
  expect(endingOf("deploy/Dockerfile.dev")).toBe("dockerfile");
  expect(endingOf(".gitignore")).toBe("gitignore");
});

test("a server is asked for with its catalogue's name and the protocol's id", () => {
  expect(serverLanguage("a.py")).toEqual({ language: "python", id: "python" });
  expect(serverLanguage("a.tsx")).toEqual({ language: "typescript", id: "typescriptreact" });
  expect(serverLanguage("compose.yml")).toEqual({ language: "yaml", id: "yaml" });
  expect(serverLanguage("a/b.less")).toEqual({ language: "css", id: "less" });
  expect(serverLanguage("go.mod")).toEqual({ language: "go", id: "go.mod" });
  expect(serverLanguage("Makefile")).toBeNull();
  expect(serverLanguage("a.vue")).toBeNull();
});
