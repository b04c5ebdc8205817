// State that lives outside of React: read and set anywhere, followed by components.
import { useSyncExternalStore } from "react";

export type Store<T> = {
  get: () => T;
  set: (next: T | ((old: T) => T)) => void;
  subscribe: (tell: () => void) => () => void;
};

export function createStore<T>(first: T): Store<T> {
  let value = first;
  const heard = new Set<() => void>();
  return {
    get: () => value,
    set: (next) => {
      const made = typeof next === "function" ? (next as (old: T) => T)(value) : next;
      if (Object.is(made, value)) return;
      value = made;
      for (const tell of [...heard]) tell();
    },
    subscribe: (tell) => {
      heard.add(tell);
      return () => heard.delete(tell);
    },
  };
}

export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.get);
}

/** A part of the state; `select` must give the same thing as long as that part is the same. */
export function useSelected<T, S>(store: Store<T>, select: (value: T) => S): S {
  return useSyncExternalStore(store.subscribe, () => select(store.get()));
}
