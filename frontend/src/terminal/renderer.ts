// Whether a graphics card draws the terminal: much faster where there is one, slower than the page where it is imitated.
import type { Terminal } from "@xterm/xterm";

const IMITATED = /swiftshader|llvmpipe|software|basic render/i;
let known: boolean | null = null;

function hasCard(): boolean {
  const context = document.createElement("canvas").getContext("webgl2");
  if (!context) return false;
  const info = context.getExtension("WEBGL_debug_renderer_info");
  const name = String(context.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : context.RENDERER));
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return !IMITATED.test(name);
}

/** Loads the renderer where it pays; a card that goes away (sleep, too many contexts) leaves drawing to the page again. */
export function drawnByGraphicsCard(screen: Terminal): void {
  known ??= hasCard();
  if (!known) return;
  void import("@xterm/addon-webgl").then(({ WebglAddon }) => {
    if (!screen.element?.isConnected) return;
    try {
      const addon = new WebglAddon();
      addon.onContextLoss(() => addon.dispose());
      screen.loadAddon(addon);
    } catch {
      known = false;
    }
  });
}
