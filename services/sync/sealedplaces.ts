import { openSmall, sealSmall, type TenantKeys } from "../../mixins/vault/keys.ts";
import type { Spec } from "./sources/source.ts";

/** Where a job reads from and writes to. */
export interface Places {
  source?: Spec;
  target?: Spec;
}

/** Purpose under which a job's places are sealed. */
export const credentialsPurpose = (jobId: string) => `credentials of job ${jobId}`;

/** Purpose under which a stored source's place is sealed. */
export const sourcePurpose = (sourceId: string) => `source ${sourceId}`;

/** The whole places, credentials included, are sealed: endpoint and bucket say much about a tenant too. */
export const sealPlaces = (keys: TenantKeys, jobId: string, places: Places): Buffer =>
  sealSmall(keys, credentialsPurpose(jobId), Buffer.from(JSON.stringify(places)));

/** What was sealed as JSON under a purpose. @throws VAULT_KEY_UNUSABLE */
export const unsealed = <T>(keys: TenantKeys, purpose: string, sealed: Buffer): T =>
  JSON.parse(openSmall(keys, purpose, sealed).toString()) as T;
