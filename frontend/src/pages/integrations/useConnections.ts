// The caller's own connections to all providers.
import { useEffect, useMemo, useState } from "react";
import { get, type Page, type Refused } from "../../api";
import { inTurn } from "../../inTurn";
import { type Connection, HOSTS } from "./types";

export function useConnections() {
  const [rows, setRows] = useState<Connection[] | null>(null);
  const [failure, setFailure] = useState("");
  const load = useMemo(
    () =>
      inTurn(async () => {
        try {
          const pages = await Promise.all(HOSTS.map((host) => get<Page<Connection>>(`/${host}`)));
          setRows(pages.flatMap((page) => page.items));
          setFailure("");
        } catch (error) {
          setFailure((error as Refused).message);
        }
      }),
    [],
  );
  useEffect(() => void load(), [load]);
  return { rows, failure, load };
}
