import { v7 as uuidv7 } from "uuid";
import { errors } from "../../../config/errors.ts";
import { row, rows, type Em } from "../../../mixins/database.ts";
import { isoTime } from "../../../mixins/page.ts";
import type { Credential, NewCredential } from "./ceremony.ts";

/** What one person may have. */
const most = 20;

/** A passkey as its owner sees it. Times are ISO 8601. */
export interface ShownPasskey {
  id: string;
  name: string;
  synced: boolean;
  createdAt: string;
  lastUsedAt: string | null;
}

const shown = `id, name, synced, ${isoTime("created_at")} as "createdAt", ${isoTime("last_used_at")} as "lastUsedAt"`;
const credential = `id, user_id as "userId", credential_id as "credentialId", public_key as "publicKey", counter::float8 as counter,
  to_json(transports) as transports, synced`;

export type StoredCredential = Credential & { id: string; userId: string; synced: boolean };

/** Newest first. */
export const listPasskeys = (em: Em, userId: string): Promise<ShownPasskey[]> =>
  rows<ShownPasskey>(em, `select ${shown} from auth.passkeys where user_id = ? order by id desc`, [userId]);

export const credentialsOf = (em: Em, userId: string): Promise<StoredCredential[]> =>
  rows<StoredCredential>(em, `select ${credential} from auth.passkeys where user_id = ? order by id`, [userId]);

/** Whoever's it is. */
export const credentialById = (em: Em, credentialId: string): Promise<StoredCredential | undefined> =>
  row<StoredCredential>(em, `select ${credential} from auth.passkeys where credential_id = ?`, [credentialId]);

/** @throws CONFLICT for one that is known already, or one too many */
export async function storePasskey(em: Em, userId: string, name: string, made: NewCredential): Promise<ShownPasskey> {
  const count = await row<{ count: number }>(em, `select count(*)::int as count from auth.passkeys where user_id = ?`, [userId]);
  if (count!.count >= most) throw errors.conflict(`A person can have ${most} passkeys; remove one first.`);
  const stored = await row<ShownPasskey>(
    em,
    `insert into auth.passkeys (id, user_id, credential_id, public_key, counter, transports, name, aaguid, synced)
     values (?, ?, ?, decode(?, 'hex'), ?, array(select json_array_elements_text(?::json)), ?, ?, ?) on conflict do nothing returning ${shown}`,
    [
      uuidv7(),
      userId,
      made.credentialId,
      made.publicKey.toString("hex"),
      made.counter,
      JSON.stringify(made.transports),
      name,
      made.aaguid,
      made.synced,
    ],
  );
  if (!stored) throw errors.conflict("This passkey is registered already.");
  return stored;
}

/** Notes a use. @returns whether the count of signatures has not been passed by another use meanwhile, and the passkey is still there */
export async function notePasskeyUse(em: Em, id: string, counter: number): Promise<boolean> {
  const noted = await row(
    em,
    `update auth.passkeys set counter = ?, last_used_at = now() where id = ? and (counter < ? or (counter = 0 and ? = 0)) returning 1`,
    [counter, id, counter, counter],
  );
  return noted !== undefined;
}

/** @throws PASSKEY_NOT_FOUND, also for another person's */
export async function renamePasskey(em: Em, userId: string, id: string, name: string): Promise<ShownPasskey> {
  const renamed = await row<ShownPasskey>(em, `update auth.passkeys set name = ? where id = ? and user_id = ? returning ${shown}`, [
    name,
    id,
    userId,
  ]);
  if (!renamed) throw noPasskey(id);
  return renamed;
}

/** @throws PASSKEY_NOT_FOUND, also for another person's */
export async function removePasskey(em: Em, userId: string, id: string): Promise<void> {
  if (!(await row(em, `delete from auth.passkeys where id = ? and user_id = ? returning 1`, [id, userId]))) throw noPasskey(id);
}

const noPasskey = (id: string) => errors.passkeyNotFound("There is no such passkey.", { id });
