// The bell: how many notifications wait, and what they say. It stands in the frame and in the workbench's title bar.
import { useEffect, useId, useMemo, useRef, useState } from "react";
import { get, type Page, post, type Refused } from "../../api";
import { follow } from "../../feed";
import { inTurn } from "../../inTurn";
import { useMe, useReload } from "../../me";
import { Button, Notice } from "../../parts/controls";
import { Link } from "../../parts/Link";
import { When } from "../../parts/words";
import { Icon } from "../../shell/icons";
import "./notices.css";
import { type Notification, placeOf, sentence } from "./types";

type Unread = { unread: number };

export default function Bell() {
  const me = useMe();
  const [unread, setUnread] = useState(0);
  const [told, setTold] = useState(0); // how often there was something new
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();

  const count = useMemo(
    () =>
      inTurn(() =>
        get<Unread>("/notifications/unread").then(
          (found) => setUnread(found.unread),
          () => undefined, // the next fact asks again
        ),
      ),
    [],
  );
  useEffect(() => {
    void count();
    return follow((fact) => {
      const ours = fact.name === "notification.created" && (fact.data.user_ids as string[]).includes(me.user.id);
      if (!ours && fact.name !== "reset" && fact.name !== "access") return;
      void count();
      setTold((before) => before + 1);
    });
  }, [me.user.id, count]);

  useEffect(() => {
    if (!open) return;
    const away = (event: Event) => !box.current?.contains(event.target as Node) && setOpen(false);
    const key = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      setOpen(false);
      button.current?.focus();
    };
    window.addEventListener("pointerdown", away, true);
    window.addEventListener("keydown", key, true);
    return () => {
      window.removeEventListener("pointerdown", away, true);
      window.removeEventListener("keydown", key, true);
    };
  }, [open]);

  const label = unread ? `Notifications, ${unread} unread` : "Notifications";
  return (
    <div className="bell" ref={box}>
      <button
        type="button"
        className="tool"
        ref={button}
        aria-label={label}
        title={label}
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      >
        <Icon name="bell" />
        {unread > 0 && <span className="bell-count">{unread > 99 ? "99+" : unread}</span>}
      </button>
      {open && <List id={id} unread={unread} told={told} onRead={count} onLeave={() => setOpen(false)} />}
    </div>
  );
}

function List({
  id,
  unread,
  told,
  onRead,
  onLeave,
}: {
  id: string;
  unread: number;
  told: number;
  onRead: () => Promise<void>;
  onLeave: () => void;
}) {
  const me = useMe();
  const reload = useReload();
  const [rows, setRows] = useState<Notification[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [failure, setFailure] = useState("");
  const box = useRef<HTMLElement>(null);
  const fail = (error: Refused) => setFailure(error.message);

  const load = useMemo(
    () =>
      inTurn(() =>
        get<Page<Notification>>("/notifications?limit=30").then(
          (page) => {
            setRows(page.items);
            setCursor(page.next_cursor);
            setFailure("");
          },
          (error: Refused) => setFailure(error.message),
        ),
      ),
    [],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again when there is something new, or something was read elsewhere
  useEffect(() => void load(), [load, told, unread]);
  useEffect(() => box.current?.focus(), []);

  const more = () =>
    get<Page<Notification>>(`/notifications?limit=30&cursor=${encodeURIComponent(cursor ?? "")}`).then((page) => {
      setRows((old) => [...(old ?? []), ...page.items]);
      setCursor(page.next_cursor);
    }, fail);
  const again = () => Promise.all([onRead(), load()]);
  const read = (ids: string[] | null) => post<Unread>("/notifications/read", { ids }).then(again, fail);
  const join = (of: Notification) =>
    post(`/notifications/${of.id}/accept`).then(async () => {
      await reload();
      await again();
    }, fail);

  return (
    <section className="notices" id={id} ref={box} aria-label="Notifications" tabIndex={-1}>
      <div className="notices-head">
        <h2>Notifications</h2>
        {unread > 0 && (
          <Button kind="quiet" onClick={() => read(null)}>
            Mark all as read
          </Button>
        )}
      </div>
      <Notice text={failure} />
      {rows?.length === 0 && (
        <p className="soft empty">
          Nothing yet. Here stands who asks you for a review, mentions you or gives you a task.
        </p>
      )}
      <ul aria-busy={rows === null}>
        {rows?.map((row) => {
          const place = placeOf(row, me.organizations);
          const words = (
            <>
              <span className="soft">{sentence(row)}</span> <strong>{row.title}</strong>
              {row.number !== null && <span className="soft"> #{row.number}</span>}
              <small className="soft">
                <When at={row.created_at} />
              </small>
            </>
          );
          return (
            <li key={row.id} className={row.read_at ? "" : "unread"}>
              {place ? (
                <Link
                  to={place}
                  onClick={() => {
                    if (!row.read_at) void read([row.id]);
                    onLeave();
                  }}
                >
                  {words}
                </Link>
              ) : (
                <span>{words}</span>
              )}
              {row.about === "invitation" && (
                <Button kind="main" aria-label={`Join ${row.title}`} onClick={() => join(row)}>
                  Join
                </Button>
              )}
              {!row.read_at && (
                <Button kind="quiet" aria-label={`Mark “${row.title}” as read`} onClick={() => read([row.id])}>
                  Read
                </Button>
              )}
            </li>
          );
        })}
      </ul>
      {cursor && (
        <Button kind="quiet" onClick={more}>
          Older ones
        </Button>
      )}
    </section>
  );
}
