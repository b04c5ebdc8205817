// The controls that every page is made of.
import {
  type ButtonHTMLAttributes,
  type FormEvent,
  type InputHTMLAttributes,
  type ReactNode,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
} from "react";

export function Button({
  kind = "plain",
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & { kind?: "plain" | "main" | "danger" | "quiet" }) {
  return <button type="button" {...rest} className={`button ${kind} ${rest.className ?? ""}`} />;
}

export function Field({
  label,
  hint,
  ...rest
}: InputHTMLAttributes<HTMLInputElement> & { label: string; hint?: string }) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} {...rest} />
      {hint && <small>{hint}</small>}
    </div>
  );
}

/** Something that went wrong, or that one should know. Read out by screen readers. */
export function Notice({
  text,
  kind = "error",
  children,
}: {
  text: string;
  kind?: "error" | "info";
  children?: ReactNode;
}) {
  if (!text) return null;
  return (
    <div className={`notice ${kind}`} role={kind === "error" ? "alert" : "status"}>
      <span>{text}</span>
      {children}
    </div>
  );
}

/** A question over the page. Escape and a click outside close it; Enter sends the form. */
export function Dialog({
  title,
  wide = false,
  onClose,
  onSubmit,
  children,
}: {
  title: string;
  wide?: boolean;
  onClose: () => void;
  onSubmit: (form: HTMLFormElement) => void;
  children: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    dialog.current?.showModal();
    // Browsers go to what comes first, which is right for fields. Of buttons it is the one that Enter is for, if it destroys nothing.
    // Of a choice it is what is chosen.
    const first = document.activeElement;
    if (first?.matches("[type=radio]:not(:checked)")) dialog.current?.querySelector<HTMLElement>(":checked")?.focus();
    else if (!first?.matches("input, textarea, select"))
      dialog.current?.querySelector<HTMLElement>(".button.main[type=submit]")?.focus();
  }, []);
  // Browsers give the focus back when a dialog closes, and not when it is merely taken away, as its own buttons do.
  useLayoutEffect(() => {
    const shown = dialog.current;
    return () => shown?.close();
  }, []);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    onSubmit(event.currentTarget);
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog by itself
    <dialog
      ref={dialog}
      className={wide ? "wide" : ""}
      aria-labelledby={id}
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && onClose()}
    >
      <form onSubmit={submit}>
        <h2 id={id}>{title}</h2>
        {children}
      </form>
    </dialog>
  );
}
