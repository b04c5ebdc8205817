// Looking at what the server has, when something says that it changed.

/** `work` as one that is never under way twice: asked for meanwhile, it runs once more afterwards, for all who asked. So what is
 *  shown last was asked for after the last reason to ask, however answers overtake one another. */
export function inTurn<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> | null = null;
  let next: Promise<T> | null = null;
  const run = (): Promise<T> => {
    next = null;
    const mine = work().finally(() => {
      if (running === mine) running = null;
    });
    running = mine;
    return mine;
  };
  return () => {
    if (next) return next;
    if (!running) return run();
    next = running.then(run, run);
    return next;
  };
}
