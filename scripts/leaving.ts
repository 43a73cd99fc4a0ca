/**
 * Calls `leave` when this process is to end: Ctrl-C, SIGTERM, a closed terminal, or the death of the process that started it.
 * One wish may arrive twice (from the terminal and passed on by the parent), so a repeat counts as impatience after a second only.
 */
export function onLeaving(leave: (why: string) => void, hurry: () => void): void {
  let first = 0;
  const wish = (why: string) => {
    if (!first) {
      first = Date.now();
      leave(why);
    } else if (Date.now() - first > 1000) hurry();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => wish(signal));
  process.on("disconnect", () => wish("the parent process ended"));
  // The terminal may be gone before we are: the stopping must still be carried out.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
}
