// Light or dark: what is set, or as the system has it. The page's colours hang on <html data-theme>; whoever paints by
// script (a terminal) follows `theme`.
import { setting, settingOf, values } from "./settings";
import { createStore } from "./store";

setting({
  key: "theme",
  group: "Appearance",
  title: "Theme",
  kind: "choice",
  fallback: "system",
  choices: [
    ["system", "As the system"],
    ["light", "Light"],
    ["dark", "Dark"],
  ],
});

const dark = window.matchMedia("(prefers-color-scheme: dark)");
export const theme = createStore<"light" | "dark">("light");

function apply(): void {
  const wanted = settingOf<string>("theme");
  const now = wanted === "dark" || (wanted === "system" && dark.matches) ? "dark" : "light";
  document.documentElement.dataset.theme = now;
  theme.set(now);
}
values.subscribe(apply);
dark.addEventListener("change", apply);
apply();

/** A colour of the page as it is now, such as `--ground`. */
export const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
