import type { Revocation } from "../../../config/permissions.ts";
import { rows, type Em } from "../../../mixins/database.ts";
import { recordRevocation } from "../revocations.ts";

/** Kinds of records that are access tokens: of persons' clients, and of clients that act for themselves. */
export const accessTokens = ["AccessToken", "ClientCredentials"];

export type RecordColumn = "key" | "grant_key" | "client_id" | "user_id";

/**
 * Removes records of the OpenID provider: one, all of one agreement, of a client, or of a person by any client.
 * @returns what takes back the claims of access tokens among them; tell every node once it is committed
 */
export async function removeRecords(em: Em, column: RecordColumn, value: Buffer | string): Promise<Revocation[]> {
  const removed = await rows<{ key: string; kind: string }>(
    em,
    `delete from auth.oidc_records where ${column} = ? returning encode(key, 'hex') as key, kind`,
    [value],
  );
  const recorded: Revocation[] = [];
  for (const { key, kind } of removed)
    if (accessTokens.includes(kind)) recorded.push(await recordRevocation(em, { tenantId: null, subject: `token:${key}` }));
  return recorded;
}
