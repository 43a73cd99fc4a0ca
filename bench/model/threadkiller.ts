import { syncBuiltinESMExports } from "node:module";
import workerThreads, { isMainThread, Worker } from "node:worker_threads";

// Loaded before a node's own program (--import): at SIGUSR2 one of its worker threads of syncing is ended wherever it stands.
if (isMainThread) {
  const threads = new Set<Worker>();
  class Mortal extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      if (!String(args[0]).endsWith("/services/sync/thread.ts")) return;
      threads.add(this);
      this.once("exit", () => threads.delete(this));
    }
  }
  workerThreads.Worker = Mortal;
  syncBuiltinESMExports();
  process.on("SIGUSR2", () => {
    const alive = [...threads];
    void alive[Math.floor(Math.random() * alive.length)]?.terminate();
  });
}
