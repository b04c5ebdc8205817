// What happens when a part of the page cannot be loaded: after an upgrade the server has others, and Chromium drops what it was
// loading when a container's network comes. The page is loaded anew, once; what was typed is kept first.

const KEY = "reloaded";
const APART = 60_000; // milliseconds: a part that is missing still is told of by whoever wanted it

/** Asked before the page goes: each keeps what would be lost. If one cannot, the page stays. */
export const leaving = new Set<() => Promise<unknown>>();

window.addEventListener("vite:preloadError", () => {
  const last = Number(sessionStorage.getItem(KEY) ?? 0);
  if (Date.now() - last < APART) return;
  sessionStorage.setItem(KEY, String(Date.now()));
  Promise.all([...leaving].map((keep) => keep())).then(
    () => location.reload(),
    () => undefined,
  );
});
