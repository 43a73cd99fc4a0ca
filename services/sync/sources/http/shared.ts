/**
 * Work that several callers need once. It begins again after a failure; whoever is told to stop stops waiting, and the work goes on for the
 * others.
 */
export function shared<T>(work: () => Promise<T>): (signal?: AbortSignal) => Promise<T> {
  let begun: Promise<T> | undefined;
  return (signal) => {
    const running = (begun ??= work());
    running.catch(() => {
      if (begun === running) begun = undefined;
    });
    return signal ? orAborted(running, signal) : running;
  };
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const left = Promise.withResolvers<never>();
  const leave = () => left.reject(signal.reason as Error);
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([work, left.promise]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
