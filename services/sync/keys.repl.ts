import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { platform } from "../../config/permissions.ts";
import { env } from "../../config/env.ts";
import { serviceClaim } from "../../mixins/claim.ts";
import type { Rewrapped, RewrapWish } from "../../mixins/vault/rewrap.ts";

const claimFor = (tenant: string) => serviceClaim(env.CLUSTER_SECRET, "repl", tenant, ["keys:read", "keys:write", "internal"]);
const rewraps = [
  "sync.keys.rewrap",
  "auth.keys.rewrap",
  "auth.audit.rewrap",
  "auth.authenticator.rewrap",
  "auth.oidc.rewrap",
  "notification.webhooks.rewrap",
  "notification.mail.rewrap",
  "payment.accounts.rewrap",
] as const;

/** Commands of the operator's prompt, in moleculer-repl's form. */
export default [
  {
    command: "vault:keys <tenant>",
    description: "Lists the keys of an organisation's vault.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string }) {
      console.table((await call(broker, "sync.keys.list", {}, { meta: { claim: await claimFor(args.tenant) } })).keys);
    },
  },
  {
    command: "vault:rotate <tenant>",
    description: "Gives an organisation's vault a new key; a job brings everything under it.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string }) {
      const { keyId, retired, job } = await call(broker, "sync.keys.rotate", {}, { meta: { claim: await claimFor(args.tenant) } });
      console.log(`${keyId} seals within half a minute; ${retired} is retired. Job ${job.id} wraps everything anew.`);
    },
  },
  {
    command: "vault:shred <tenant> <again>",
    description:
      "Destroys all keys of an organisation's vault, for good: nothing in it can be read any more. Its id has to be given twice.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string; again: string }) {
      const params = { tenantId: args.tenant, again: args.again };
      const { keys } = await call(broker, "sync.keys.shred", params, { meta: { claim: await claimFor(args.tenant) } });
      console.log(`${keys} keys are destroyed. All nodes know within half a minute. Backups from before still hold the keys, wrapped.`);
    },
  },
  {
    command: "vault:rewrap",
    description:
      "Wraps all organisations' keys, signing keys, secrets of authenticator apps, webhooks and PayPal accounts and waiting mails by the current master key; the others may go afterwards.",
    options: [{ option: "-a, --all", description: "also what it has wrapped itself, after a key of Vault Transit got a new version" }],
    async action(broker: ServiceBroker, args: { options: { all?: boolean } }) {
      for (const name of rewraps) {
        let rewrapped = 0;
        for (let after: string | null = ""; after !== null;) {
          const wish: RewrapWish = { ...(after && { after }), ...(args.options.all && { all: true }) };
          const done: Rewrapped = await call(broker, name, wish, { meta: { claim: await claimFor(platform) } });
          rewrapped += done.rewrapped;
          after = done.next;
          console.log(`${name}: ${rewrapped} wrapped anew${after === null ? ", done" : ""}`);
          if (done.failed.length) console.table(done.failed);
        }
      }
    },
  },
];
