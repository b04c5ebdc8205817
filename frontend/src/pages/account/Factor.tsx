// The second factor: an authenticator app, and recovery codes for the day that it is lost.
import { useState } from "react";
import { post } from "../../api";
import { useReload } from "../../me";
import { Button, Dialog, Field, Notice } from "../../parts/controls";
import { Copied } from "../../parts/words";
import { useLoad } from "../load";
import { Form, Part } from "./Profile";

type State = { enabled: boolean; recovery_codes_left: number };
type Fresh = { secret: string; address: string; qr_svg: string };
type Codes = { recovery_codes: string[] };

export function Factor() {
  const reload = useReload();
  const { data, failure, load } = useLoad<State>("/account/second-factor");
  const [asked, setAsked] = useState<"on" | "off" | "codes" | null>(null);
  const [fresh, setFresh] = useState<Fresh | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  const over = () => {
    setAsked(null);
    setFresh(null);
    void load();
    void reload();
  };
  const shown = (_: unknown, answer: Codes) => {
    setCodes(answer.recovery_codes);
    over();
  };
  const both = (
    <>
      <Field label="Your password" name="password" type="password" autoComplete="current-password" required autoFocus />
      <Field
        label="Code"
        name="code"
        autoComplete="one-time-code"
        hint="Of the app, or a recovery code."
        maxLength={20}
        required
      />
    </>
  );
  return (
    <>
      <Part
        title="Second factor"
        now={
          data?.enabled ? (
            <>
              On{" "}
              <span className={data.recovery_codes_left < 3 ? "warn" : "soft"}>
                · {data.recovery_codes_left} recovery codes left
              </span>
            </>
          ) : (
            <span className="soft">Off. An authenticator app keeps others out who have found your password.</span>
          )
        }
      >
        {data?.enabled ? (
          <>
            <Button onClick={() => setAsked("codes")}>New recovery codes</Button>
            <Button onClick={() => setAsked("off")}>Turn off</Button>
          </>
        ) : (
          <Button onClick={() => setAsked("on")}>Set up</Button>
        )}
      </Part>
      <Notice text={failure} />
      {asked === "on" && !fresh && (
        <Form
          title="Set up a second factor"
          action="Continue"
          send={(values) => post<Fresh>("/account/second-factor", values)}
          onClose={() => setAsked(null)}
          onDone={(_, answer) => setFresh(answer)}
        >
          <Field
            label="Your password"
            name="password"
            type="password"
            autoComplete="current-password"
            required
            autoFocus
          />
        </Form>
      )}
      {fresh && (
        <Form
          title="Add Codeyard to your app"
          action="Turn on"
          send={(values) => post<Codes>("/account/second-factor/confirm", values)}
          onClose={over}
          onDone={shown}
        >
          <p>Scan this with an authenticator app, or type the key into it.</p>
          <img
            className="qr"
            alt="QR code of the key"
            src={`data:image/svg+xml,${encodeURIComponent(asImage(fresh.qr_svg))}`}
          />
          <Copied label="Key" text={fresh.secret} />
          <Field
            label="Code"
            name="code"
            inputMode="numeric"
            autoComplete="one-time-code"
            hint="The six digits that the app shows now."
            maxLength={20}
            required
            autoFocus
          />
        </Form>
      )}
      {asked === "codes" && (
        <Form
          title="New recovery codes"
          action="Make them"
          send={(values) => post<Codes>("/account/second-factor/recovery-codes", values)}
          onClose={() => setAsked(null)}
          onDone={shown}
        >
          <p>The old ones stop working.</p>
          {both}
        </Form>
      )}
      {asked === "off" && (
        <Form
          title="Turn the second factor off?"
          action="Turn off"
          danger
          send={(values) => post("/account/second-factor/disable", values)}
          onClose={() => setAsked(null)}
          onDone={over}
        >
          <p>Your password alone will open your account. Every other browser is signed out.</p>
          {both}
        </Form>
      )}
      {codes && (
        <Dialog title="Your recovery codes" onClose={() => setCodes(null)} onSubmit={() => setCodes(null)}>
          <p>Keep them where you will find them without your phone. Each works once. They are shown only now.</p>
          <ul className="codes">
            {codes.map((code) => (
              <li key={code}>
                <code>{code}</code>
              </li>
            ))}
          </ul>
          <Copied label="All recovery codes" text={codes.join(" ")} />
          <div className="row end">
            <Button type="submit" kind="main">
              I have kept them
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

/** The picture as a file of its own: inline SVG needs no namespace, a file does. */
const asImage = (svg: string) =>
  svg.includes("xmlns=") ? svg : svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"');
