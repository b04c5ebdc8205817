// Who is signed in, for whichever part wants to know, and how to ask again.
import { createContext, useContext } from "react";
import { type Me, post, type Refused } from "./api";

export const MeContext = createContext<Me | null>(null);
export const ReloadContext = createContext<() => Promise<Me | null>>(async () => null);

export function useMe(): Me {
  const me = useContext(MeContext);
  if (me === null) throw new Error("nobody is signed in");
  return me;
}

/** Ends the sign-in; that it was over already is no error. Throws Refused: one is still signed in. */
export const signOut = () =>
  post("/auth/logout").catch((refused: Refused) => {
    if (refused.status !== 401) throw refused;
  });

/** Asks the server anew who is signed in and what they are where. */
export const useReload = () => useContext(ReloadContext);
