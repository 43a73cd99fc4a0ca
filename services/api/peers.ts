import type { ServiceBroker } from "moleculer";
import type { JWK } from "jose";
import { call } from "../../config/calls.ts";

/** The public keys of the auth service. */
export const publicKeys = async (broker: ServiceBroker) => (await call(broker, "auth.keys.public", {})).keys as (JWK & { kid: string })[];

/** The claim behind an API key. @throws UNAUTHENTICATED */
export const verifyKey = async (broker: ServiceBroker, credential: string): Promise<string> =>
  (await call(broker, "auth.verify", { credential })).claim;

/** A job of the caller's organisation. @throws JOB_NOT_FOUND */
export const jobOf = (broker: ServiceBroker, claim: string, id: string) => call(broker, "sync.jobs.get", { id }, { meta: { claim } });

/** Where an asset's content lies, from a byte of it on. @throws ASSET_NOT_FOUND */
export const ticketOf = (broker: ServiceBroker, claim: string, id: string, version?: number, from?: number) =>
  call(
    broker,
    "sync.assets.ticket",
    { id, ...(version !== undefined && { version }), ...(from !== undefined && { from }) },
    { meta: { claim } },
  );
