import { connect, type NatsConnection } from "nats";
import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { auditFilter } from "../../config/audit.ts";

import { env } from "../../config/env.ts";
import { natsOptions } from "../../config/nats.ts";
import { service, type Host } from "../../config/service.ts";
import { accessRefused, recordAct } from "../../mixins/act.ts";
import { actsRecorded } from "../../mixins/acts.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { ensureStreams } from "../../mixins/stream.ts";
import { storeOptions } from "../../mixins/vault/environment.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { rewrapParams, rewrapTable, type Rewrapped } from "../../mixins/vault/rewrap.ts";
import { openStore, type Store } from "../../mixins/vault/store.ts";
import { Checkpointer } from "./audit/checkpointer.ts";
import { Collector } from "./audit/collector.ts";
import { auditKeyTable, openAuditKeys } from "./audit/keys.ts";
import { eraseOrigins, listRecords, type ShownRecord } from "./audit/list.ts";
import { storeOutlet, streamOutlet } from "./audit/outlets.ts";

type Audit = Host<WithDatabase & { connection: NatsConnection; store: Store; collector: Collector; checkpointer: Checkpointer }>;
const action = actionOf<Audit>();

/** The person of a person's subject. */
const personOf = (subject: string): string | null => /^user:([0-9a-f-]{36})$/.exec(subject)?.[1] ?? null;

export const actions = {
  list: action({
    description: "Lists what was done in the organisation that matters to its security, and what was refused; newest first.",
    permission: "audit:read",
    rest: "GET /audit",
    idempotent: true,
    params: strict({
      ...pageParams,
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 50, description: "Rows per page." })),
      ...auditFilter,
    }),
    async handler(ctx): Promise<Page<ShownRecord>> {
      return await listRecords(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params);
    },
  }),

  refused: action({
    description: "Takes down that a caller was refused by a service that has no tables of its own: the edge.",
    permission: "internal",
    params: strict({
      actor: Type.String({ minLength: 1, maxLength: 100, description: "Subject of the caller." }),
      object: Type.String({ minLength: 1, maxLength: 500, description: "What it asked for." }),
      code: Type.String({ minLength: 1, maxLength: 100, description: "Type of the refusal." }),
    }),
    async handler(ctx): Promise<void> {
      const { tenantId } = caller(ctx);
      const userId = personOf(ctx.params.actor);
      await this.db.tenant(tenantId, (em) => recordAct(em, "auth", { action: accessRefused, outcome: "refused", userId, ...ctx.params }));
    },
  }),

  checkpoint: action({
    description: "Signs how far the chains have got and publishes it, now; says how many chains had grown and how many checkpoints left.",
    permission: "internal",
    params: strict({}),
    async handler(): Promise<{ covered: number; published: number }> {
      return await this.checkpointer.now();
    },
  }),

  erase: action({
    description: "Erases the addresses and user agents that a person left in the organisation's records; the chain stays whole.",
    permission: "internal",
    audit: { act: "audit.erased", object: "user:userId" },
    params: strict({ userId: uuid("The person.") }),
    async handler(ctx): Promise<{ erased: number }> {
      return await eraseOrigins(this.db, caller(ctx).tenantId, ctx.params.userId);
    },
  }),

  rewrap: action({
    description: "Wraps the key of the audit log by the current master key.",
    permission: "internal",
    audit: "audit.key.rewrapped",
    params: rewrapParams,
    async handler(ctx): Promise<Rewrapped> {
      return await rewrapTable(this.db, keyManager(env), auditKeyTable, ctx.params);
    },
  }),
};

/** The audit log: every service's acts come here by JetStream and become the chains of their organisations. */
export default service<Audit>()({
  name: "auth.audit",
  mixins: [ormMixin("auth")],
  actions,
  async started() {
    const { namespace } = this.broker;
    const keys = await openAuditKeys(this.db, keyManager(env));
    this.connection = await connect(natsOptions(env, `${this.broker.nodeID} audit`));
    await ensureStreams(this.connection, namespace);
    this.store = await openStore({ ...storeOptions(env), url: env.AUDIT_CHECKPOINTS_URL, fsync: true });
    const outlets = [storeOutlet(this.store, namespace), streamOutlet(this.connection, namespace)];
    const every = { seconds: env.AUDIT_CHECKPOINT_SECONDS, rows: env.AUDIT_CHECKPOINT_ROWS };
    this.checkpointer = new Checkpointer({ db: this.db, keys, cluster: namespace, outlets }, every, this.logger);
    this.collector = new Collector(this.db, keys, this.logger, (of, ids) => {
      this.checkpointer.appended(ids.length);
      // Lost, the service sends its acts once more, and they are confirmed again.
      this.broker.emit(actsRecorded(of as never), { ids }).catch((error: unknown) => this.logger.debug("Acts were not confirmed.", error));
    });
    await this.collector.start(this.connection, namespace);
  },
  async stopped() {
    await this.collector?.stop();
    await this.checkpointer?.stop();
    await this.store?.close();
    await this.connection?.close();
  },
});
