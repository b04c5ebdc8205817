// Controls made of commands: buttons and menus that need no more than an id.
import { type KeyboardEvent, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Bench } from "./bench";
import { Icon, type IconName } from "./icons";
import { Keys } from "./Keyboard";
import { shown } from "./keys";
import { can, commands, keysOf } from "./registry";

/** A small button with a drawing; `label` is what it is called. */
export function Tool({
  icon,
  label,
  keys,
  onClick,
  ...rest
}: { icon: IconName; label: string; keys?: string; onClick: () => void } & Omit<
  React.ButtonHTMLAttributes<HTMLButtonElement>,
  "onClick" | "title"
>) {
  return (
    <button
      type="button"
      {...rest}
      className={`tool ${rest.className ?? ""}`}
      aria-label={label}
      title={keys ? `${label} (${shown(keys)})` : label}
      onClick={(event) => {
        event.stopPropagation();
        onClick();
      }}
    >
      <Icon name={icon} />
    </button>
  );
}

/** The command's button; hidden where it cannot be run. */
export function CommandButton({ bench, id, argument }: { bench: Bench; id: string; argument?: unknown }) {
  const found = commands.get(id);
  if (!found || !can(bench, found)) return null;
  return (
    <Tool
      icon={found.icon ?? "more"}
      label={found.title}
      keys={keysOf(found)[0]}
      onClick={() => bench.run(id, argument)}
    />
  );
}

export type MenuItem =
  | { id: string; title: string; icon?: IconName; keys?: string; danger?: boolean; run: () => void }
  | "line";

/** The menu's rows for commands that can be run, in that order. */
export function menuOf(bench: Bench, ids: string[], argument?: unknown): MenuItem[] {
  return ids.flatMap((id): MenuItem[] => {
    if (id === "line") return ["line"];
    const found = commands.get(id);
    if (!found || !can(bench, found)) return [];
    return [{ id, title: found.title, icon: found.icon, keys: keysOf(found)[0], run: () => bench.run(id, argument) }];
  });
}

/** Rows beside a point of the page; arrows move, Enter chooses, Escape leaves and gives the focus back. */
export function Menu({ at, items, onClose }: { at: { x: number; y: number }; items: MenuItem[]; onClose: () => void }) {
  const box = useRef<HTMLDivElement>(null);
  const from = useRef(document.activeElement as HTMLElement | null);
  useLayoutEffect(() => {
    const menu = box.current;
    if (!menu) return;
    const { width, height } = menu.getBoundingClientRect();
    menu.style.left = `${Math.max(4, Math.min(at.x, window.innerWidth - width - 4))}px`;
    menu.style.top = `${Math.max(4, Math.min(at.y, window.innerHeight - height - 4))}px`;
    menu.querySelector<HTMLElement>("button")?.focus();
  }, [at]);
  useEffect(() => {
    const away = (event: Event) => !box.current?.contains(event.target as Node) && onClose();
    window.addEventListener("pointerdown", away, true);
    window.addEventListener("blur", onClose);
    return () => {
      window.removeEventListener("pointerdown", away, true);
      window.removeEventListener("blur", onClose);
    };
  }, [onClose]);
  const key = (event: KeyboardEvent) => {
    event.stopPropagation();
    const rows = [...(box.current?.querySelectorAll<HTMLElement>("button") ?? [])];
    const now = rows.indexOf(document.activeElement as HTMLElement);
    if (event.key === "ArrowDown") rows[(now + 1) % rows.length]?.focus();
    else if (event.key === "ArrowUp") rows[(now + rows.length - 1) % rows.length]?.focus();
    else if (event.key === "Home") rows[0]?.focus();
    else if (event.key === "End") rows.at(-1)?.focus();
    else if (event.key === "Escape" || event.key === "Tab") {
      onClose();
      from.current?.focus();
    } else return;
    event.preventDefault();
  };
  return (
    <div className="menu" role="menu" ref={box} tabIndex={-1} onKeyDown={key}>
      {items.map((item, number) =>
        item === "line" ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name
          <hr key={`line-${number}`} />
        ) : (
          <button
            type="button"
            role="menuitem"
            key={item.id}
            className={item.danger ? "danger" : ""}
            onClick={() => {
              onClose();
              from.current?.focus();
              item.run();
            }}
          >
            {item.icon ? <Icon name={item.icon} /> : <span className="no-icon" />}
            <span className="grow">{item.title}</span>
            {item.keys && <Keys keys={item.keys} />}
          </button>
        ),
      )}
    </div>
  );
}

/** A button that opens a menu beneath it. */
export function MenuButton({
  icon,
  label,
  items,
  children,
}: {
  icon?: IconName;
  label: string;
  items: () => MenuItem[];
  children?: ReactNode;
}) {
  const [at, setAt] = useState<{ x: number; y: number } | null>(null);
  return (
    <>
      <button
        type="button"
        className="tool"
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={at !== null}
        onClick={(event) => {
          const place = event.currentTarget.getBoundingClientRect();
          setAt(at ? null : { x: place.left, y: place.bottom + 2 });
        }}
      >
        {icon && <Icon name={icon} />}
        {children}
      </button>
      {at && <Menu at={at} items={items()} onClose={() => setAt(null)} />}
    </>
  );
}

/** The head of a view: its name, and its tools at the right. */
export function ViewHead({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="view-head">
      <h2>{title}</h2>
      <span className="grow" />
      {children}
    </div>
  );
}
