import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";
import type { Adapter, AdapterPayload } from "oidc-provider";
import type { Revocation } from "../../../config/permissions.ts";
import { epoch, row, type Database } from "../../../mixins/database.ts";
import { accessTokens, removeRecords, type RecordColumn } from "./removal.ts";
import { permissionsIn } from "./scopes.ts";

/** Tells every node what was taken back. */
export type Tell = (revocation: Revocation) => Promise<unknown>;

export interface AccessToken {
  /** "token:<hex>": the subject of its claims. */
  subject: string;
  clientId: string;
  /** Seconds since 1970. */
  exp: number;
}

/** Where the OpenID provider keeps its records. Rows are found by keyed hashes and hold sealed contents: a stolen table opens nothing. */
export class Records {
  private readonly db: Database;
  private readonly tell: Tell;
  private readonly hashKey: Buffer;
  private readonly sealKey: Buffer;

  constructor(db: Database, clusterSecret: string, tell: Tell) {
    this.db = db;
    this.tell = tell;
    this.hashKey = Buffer.from(hkdfSync("sha256", clusterSecret, "", "oidc record ids", 32));
    this.sealKey = Buffer.from(hkdfSync("sha256", clusterSecret, "", "oidc record contents", 32));
  }

  /** What the provider asks of its storage for one kind of record. */
  adapter(kind: string): Adapter {
    return {
      upsert: (id, payload, expiresIn) => this.put(kind, id, payload, expiresIn),
      find: (id) => this.get("key", this.hash(kind, id)),
      findByUid: (uid) => this.get("uid_key", this.hash("uid", uid)),
      // Of the device flow, which is off.
      findByUserCode: () => Promise.resolve(undefined),
      consume: (id) => this.consume(this.hash(kind, id)),
      destroy: (id) => this.remove("key", this.hash(kind, id)),
      revokeByGrantId: (grantId) => this.remove("grant_key", this.hash("grant", grantId)),
    };
  }

  /** An access token that is neither used up nor run out. */
  async accessToken(token: string): Promise<AccessToken | undefined> {
    const keys = accessTokens.map((kind) => this.hash(kind, token));
    const found = await this.db.system((em) =>
      row<{ key: string; clientId: string; expires: number }>(
        em,
        `select encode(key, 'hex') as key, client_id as "clientId", ${epoch("expires_at")} as expires from auth.oidc_records
         where key in (?, ?) and consumed_at is null and expires_at > now()`,
        keys,
      ),
    );
    return found && { subject: `token:${found.key}`, clientId: found.clientId, exp: Math.floor(found.expires / 1000) };
  }

  /** Removes everything that a client was given; what it holds is refused on every node. */
  async removeOfClient(clientId: string): Promise<void> {
    await this.remove("client_id", clientId);
  }

  private async put(kind: string, id: string, payload: AdapterPayload, expiresIn: number | undefined): Promise<void> {
    const key = this.hash(kind, id);
    const { grantId, uid, accountId, clientId, scope } = payload;
    await this.db.system((em) =>
      em.execute(
        `insert into auth.oidc_records (key, kind, sealed, grant_key, uid_key, user_id, client_id, permissions, expires_at)
         values (?, ?, ?, ?, ?, ?, ?, (select array_agg(p) from jsonb_array_elements_text(?::jsonb) p), now() + ? * interval '1 second')
         on conflict (key) do update set sealed = excluded.sealed, grant_key = excluded.grant_key, uid_key = excluded.uid_key,
           user_id = excluded.user_id, client_id = excluded.client_id, permissions = excluded.permissions, expires_at = excluded.expires_at`,
        [
          key,
          kind,
          this.seal(key, payload),
          grantId ? this.hash("grant", grantId) : null,
          kind === "Session" && uid ? this.hash("uid", uid) : null,
          accountId ?? null,
          clientId ?? null,
          accessTokens.includes(kind) ? JSON.stringify(permissionsIn(scope)) : null,
          expiresIn ?? null,
        ],
        "run",
      ),
    );
  }

  private async get(column: "key" | "uid_key", hash: Buffer): Promise<AdapterPayload | undefined> {
    const found = await this.db.system((em) =>
      row<{ key: Buffer; sealed: Buffer; consumed: number | null }>(
        em,
        `select key, sealed, ${epoch("consumed_at")} as consumed from auth.oidc_records where ${column} = ?`,
        [hash],
      ),
    );
    if (!found) return undefined;
    const payload = this.open(found.key, found.sealed);
    return found.consumed === null ? payload : { ...payload, consumed: Math.floor(found.consumed / 1000) };
  }

  private async consume(key: Buffer): Promise<void> {
    await this.db.system((em) => em.execute(`update auth.oidc_records set consumed_at = now() where key = ?`, [key], "run"));
  }

  private async remove(column: RecordColumn, value: Buffer | string): Promise<void> {
    const revocations = await this.db.system((em) => removeRecords(em, column, value));
    await Promise.all(revocations.map((revocation) => this.tell(revocation)));
  }

  private hash(kind: string, id: string): Buffer {
    return createHmac("sha256", this.hashKey).update(`${kind} ${id}`).digest();
  }

  /** @returns nonce (12 bytes), ciphertext, tag (16); opens in its own row alone */
  private seal(key: Buffer, payload: AdapterPayload): Buffer {
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", this.sealKey, nonce).setAAD(key);
    return Buffer.concat([nonce, cipher.update(JSON.stringify(payload)), cipher.final(), cipher.getAuthTag()]);
  }

  private open(key: Buffer, sealed: Buffer): AdapterPayload {
    const decipher = createDecipheriv("aes-256-gcm", this.sealKey, sealed.subarray(0, 12)).setAAD(key);
    decipher.setAuthTag(sealed.subarray(-16));
    return JSON.parse(Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString()) as AdapterPayload;
  }
}
