import type { DomainEvent } from "../../config/events.ts";
import { env } from "../../config/env.ts";
import { failureType } from "../../config/errors.ts";
import { service, type Host } from "../../config/service.ts";
import type { Em } from "../../mixins/database.ts";
import { jobsMixin, type WithJobs } from "../../mixins/jobs.mixin.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { copyOptions, storeOptions } from "../../mixins/vault/environment.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { openStore, type StoreOptions } from "../../mixins/vault/store.ts";
import { jobActor } from "./actor.ts";
import { recordAnalysis } from "./assets.ts";
import { wordSubscriptions } from "./catalogue/words.ts";
import { jobQueue } from "./queue.ts";
import { Scheduler } from "./scheduler.ts";
import { Budgets } from "./sources/limits.ts";
import { TenantKeyring } from "./tenantkey.ts";
import { openThreads, type Threads } from "./threads.ts";
import { Caretaker } from "./vault/caretaker.ts";

/** Batches of a job under way at once, per thread: one is pulled while the one before is recorded. */
const batchesPerThread = 2;

/** The workshop: runs job actors on worker threads. No actions; more nodes of it are more hands. */
export default service<Host<WithJobs & { threads: Threads; scheduler: Scheduler; caretaker: Caretaker | undefined }>>()({
  name: "sync.worker",
  mixins: [jobsMixin("sync"), ormMixin("sync")],
  async started() {
    // Says at once that the vault can't be written to, and clears what writers that were killed long ago left half done. A full one is
    // still read from, and collected.
    await checkStore(storeOptions(env)).catch((error: unknown) => {
      if (failureType(error) !== "VAULT_FULL") throw error;
      this.logger.warn("The vault is full", error);
    });
    const copy = copyOptions(env);
    // The vault works without it; collections fail until it is back.
    if (copy) await checkStore(copy).catch((error: unknown) => this.logger.warn("The vault's second copy can't be written to", error));
    this.threads = openThreads({
      threads: env.SYNC_THREADS,
      onCrash: (error) => this.logger.error("A worker thread died and was replaced", error),
    });
    const workshop = {
      database: this.db,
      threads: this.threads,
      keyring: new TenantKeyring(this.db, keyManager(env)),
      store: storeOptions(env),
      ...(copy && { copy }),
      window: env.SYNC_THREADS * batchesPerThread,
      budgets: new Budgets(),
    };
    const queue = jobQueue({ tenant: env.SYNC_TENANT_JOBS, host: env.SYNC_HOST_JOBS });
    await this.jobs.work({
      actors: [jobActor(workshop, env.SYNC_JOBS, queue)],
      subscriptions: [
        {
          name: "catalogue-analyses",
          type: "asset.analysed",
          commit: (em: Em, event) => recordAnalysis(em, (event as DomainEvent<"asset.analysed">).data.assets),
        },
        ...wordSubscriptions,
      ],
    });
    this.scheduler = new Scheduler(this.db, this.logger);
    this.scheduler.start();
    this.caretaker = env.SYNC_UPKEEP ? new Caretaker(this.db, this.logger) : undefined;
    this.caretaker?.start();
  },
  async stopped() {
    await this.scheduler?.stop();
    await this.caretaker?.stop();
    // The actors leave first (jobs mixin), so that no running batch is cut off by its thread's end.
    await this.jobs.stop();
    await this.threads?.close();
  },
});

async function checkStore(options: StoreOptions): Promise<void> {
  const store = await openStore(options);
  await store.check().finally(() => store.close());
}
