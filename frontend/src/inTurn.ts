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

/** Does one thing after another, each once the one before is over, whatever became of that: of changes under way side by side the
 *  later one may come first. */
export function oneByOne(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

/** Calls for `work` that come in swarms, as when a program writes files: it runs `pause` milliseconds after the first of them
 *  and, for what came while it ran, once more after a rest as long as it took. So calls that do not end neither put it off for
 *  ever nor keep the server at nothing else. `end` forgets what is left to do. */
export function soon(pause: number, work: () => Promise<unknown>): (() => void) & { end: () => void } {
  let timer = 0;
  let asked = false;
  let over = false;
  let rested = 0;
  const run = async () => {
    asked = false;
    const begun = performance.now();
    await work().catch(() => undefined); // who asks tells of its failures itself
    const now = performance.now();
    rested = 2 * now - begun;
    timer = 0;
    if (asked) ask();
  };
  const ask = () => {
    asked = true;
    if (!over) timer ||= window.setTimeout(run, Math.max(pause, rested - performance.now()));
  };
  const end = () => {
    over = true;
    window.clearTimeout(timer);
  };
  return Object.assign(ask, { end });
}
