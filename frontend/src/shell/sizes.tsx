// The sizes of side bar, panel and dock: dragged by their edges, or moved by arrows there, and kept by the browser.
import { type KeyboardEvent, type PointerEvent, type RefObject, useEffect, useRef } from "react";

type Size = "--side" | "--low" | "--dock";
const SIZES: Size[] = ["--side", "--low", "--dock"];
const NAMES: Record<Size, string> = {
  "--side": "Side bar’s edge",
  "--low": "Panel’s edge",
  "--dock": "Dock’s edge",
};
const AREA: Record<Size, string> = { "--side": ".side", "--low": ".low", "--dock": ".dock" };
const LEAST = 120;

export function useKeptSizes(): RefObject<HTMLDivElement | null> {
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => {
    for (const name of SIZES) {
      const kept = localStorage.getItem(`size${name}`);
      if (kept) frame.current?.style.setProperty(name, kept);
    }
  }, []);
  return frame;
}

export function Grip({ size, frame }: { size: Size; frame: RefObject<HTMLDivElement | null> }) {
  const most = () => (size === "--side" ? 640 : size === "--low" ? window.innerHeight - 160 : window.innerWidth - 480);
  const put = (pixels: number) => {
    const kept = `${Math.round(Math.max(LEAST, Math.min(pixels, most())))}px`;
    frame.current?.style.setProperty(size, kept);
    localStorage.setItem(`size${size}`, kept);
  };
  const now = () => {
    const box = frame.current?.querySelector(AREA[size])?.getBoundingClientRect();
    return (size === "--low" ? box?.height : box?.width) ?? LEAST;
  };
  const drag = (event: PointerEvent) => {
    event.preventDefault();
    const start = size === "--low" ? event.clientY : event.clientX;
    const before = now();
    const sign = size === "--side" ? 1 : -1;
    const move = (moved: globalThis.PointerEvent) =>
      put(before + sign * ((size === "--low" ? moved.clientY : moved.clientX) - start));
    const end = () => {
      window.removeEventListener("pointermove", move);
      frame.current?.classList.remove("dragging");
    };
    frame.current?.classList.add("dragging"); // a frame must not swallow the pointer
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end, { once: true });
  };
  const key = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -16, ArrowRight: 16, ArrowUp: 16, ArrowDown: -16 }[event.key];
    if (!by) return;
    event.preventDefault();
    put(now() + (size === "--dock" ? -by : by));
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a rule cannot be moved
    <div
      className={`grip ${size === "--low" ? "" : "upright"}`}
      role="separator"
      tabIndex={0}
      aria-label={NAMES[size]}
      aria-orientation={size === "--low" ? "horizontal" : "vertical"}
      aria-valuenow={LEAST}
      onPointerDown={drag}
      onKeyDown={key}
    />
  );
}
