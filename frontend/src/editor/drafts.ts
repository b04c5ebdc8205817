// What was typed and not saved, kept by the browser (IndexedDB): it survives a reload, a crash and a closed lid.

export type Draft = { key: string; session: string; path: string; content: string; etag: string; at: number };

const STORE = "drafts";
let opened: Promise<IDBDatabase> | undefined;

function database(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open("codeyard", 1);
    asked.onupgradeneeded = () =>
      asked.result.createObjectStore(STORE, { keyPath: "key" }).createIndex("session", "session");
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  return opened;
}

async function ask<T>(mode: IDBTransactionMode, how: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const store = (await database()).transaction(STORE, mode, { durability: "relaxed" }).objectStore(STORE);
  const asked = how(store);
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

const keyOf = (session: string, path: string) => `${session}/${path}`;

export function keep(session: string, path: string, content: string, etag: string): Promise<unknown> {
  const draft: Draft = { key: keyOf(session, path), session, path, content, etag, at: Date.now() };
  return ask("readwrite", (store) => store.put(draft));
}

export const drop = (session: string, path: string): Promise<unknown> =>
  ask("readwrite", (store) => store.delete(keyOf(session, path)));

export const of = (session: string, path: string): Promise<Draft | undefined> =>
  ask("readonly", (store) => store.get(keyOf(session, path)));

/** Of which files there are drafts; without what was typed, which may be much. */
export async function paths(session: string): Promise<string[]> {
  const keys = await ask("readonly", (store) => store.index("session").getAllKeys(session));
  return keys.map((key) => String(key).slice(session.length + 1));
}
