import type { SchemaName } from "../config/contracts.ts";
import { ring } from "./events.ts";
import { row, rows, type Em } from "./database.ts";

/** SQL of actors: mailbox, lease, epoch. Everything that must be atomic for an actor is one statement or one transaction here. */
export interface Letter {
  tenantId: string;
  kind: string;
  key: string;
  /** Unique: sending the same letter twice is sending it once. */
  messageId: string;
  type: string;
  body?: unknown;
}

export interface Message {
  id: string;
  type: string;
  body: unknown;
  attempts: number;
}

export interface Claim {
  tenantId: string;
  epoch: number;
}

/** Puts a letter into an actor's mailbox and rings its bell, in the sender's transaction. */
export async function tell(em: Em, schema: SchemaName, letter: Letter): Promise<void> {
  const fresh = await row(
    em,
    `insert into ${schema}.actor_messages (key, tenant_id, message_id, type, body) values (?, ?, ?, ?, ?::jsonb) on conflict (message_id) do nothing returning id`,
    [letter.key, letter.tenantId, letter.messageId, letter.type, JSON.stringify(letter.body ?? {})],
  );
  if (!fresh) return;
  await em.execute(
    `insert into ${schema}.actors (key, tenant_id, kind, pending) values (?, ?, ?, 1) on conflict (key) do update set pending = actors.pending + 1`,
    [letter.key, letter.tenantId, letter.kind],
    "run",
  );
  await ring(em, schema, letter.tenantId, `bell.${schema}.${letter.kind}.${letter.key}`, letter.messageId);
}

/** Takes the lease of an actor that has mail and no living owner. The raised epoch fences whoever held it before. */
export async function claim(em: Em, schema: SchemaName, key: string, owner: string, leaseMs: number): Promise<Claim | undefined> {
  const claimed = await row<{ tenant_id: string; epoch: string }>(
    em,
    `update ${schema}.actors set owner = ?, epoch = epoch + 1, lease_until = now() + ? * interval '1 millisecond'
     where key = ? and pending > 0 and (lease_until is null or lease_until < now()) returning tenant_id, epoch`,
    [owner, leaseMs, key],
  );
  return claimed && { tenantId: claimed.tenant_id, epoch: Number(claimed.epoch) };
}

/** Milliseconds until the lease of an actor with mail ends; undefined when it has no mail. */
export async function leaseLeft(em: Em, schema: SchemaName, key: string): Promise<number | undefined> {
  const found = await row<{ left: string }>(
    em,
    `select greatest(0, coalesce(extract(epoch from lease_until - now()), 0)) * 1000 as left from ${schema}.actors where key = ? and pending > 0`,
    [key],
  );
  return found && Number(found.left);
}

/** Extends the lease; false when another epoch holds it. Locks the actor's row until the transaction ends, so no take-over commits in between. */
export async function renew(em: Em, schema: SchemaName, key: string, epoch: number, leaseMs: number): Promise<boolean> {
  const renewed = await row(
    em,
    `update ${schema}.actors set lease_until = now() + ? * interval '1 millisecond' where key = ? and epoch = ? and owner is not null returning 1`,
    [leaseMs, key, epoch],
  );
  return renewed !== undefined;
}

/** The oldest letter that waits, its attempt counted. */
export async function nextMessage(em: Em, schema: SchemaName, key: string): Promise<Message | undefined> {
  return await row<Message>(
    em,
    `update ${schema}.actor_messages set attempts = attempts + 1
     where id = (select id from ${schema}.actor_messages where key = ? and done_at is null order by id limit 1)
     returning id, type, body, attempts`,
    [key],
  );
}

/** Progress was made: the attempts so far don't count against the message any more. */
export async function forgiveAttempts(em: Em, schema: SchemaName, messageId: string): Promise<void> {
  await em.execute(`update ${schema}.actor_messages set attempts = 0 where id = ? and attempts <> 0`, [messageId], "run");
}

/** Types of the letters that wait behind the current one. */
export async function waitingTypes(em: Em, schema: SchemaName, key: string, currentId: string): Promise<string[]> {
  const found = await rows<{ type: string }>(
    em,
    `select type from ${schema}.actor_messages where key = ? and done_at is null and id > ? order by id`,
    [key, currentId],
  );
  return found.map(({ type }) => type);
}

export async function finish(em: Em, schema: SchemaName, key: string, messageId: string): Promise<void> {
  await em.execute(`update ${schema}.actor_messages set done_at = now() where id = ?`, [messageId], "run");
  await em.execute(`update ${schema}.actors set pending = pending - 1 where key = ?`, [key], "run");
}

/** Gives the lease back when no letter has come in meanwhile; returns whether it was given back. */
export async function releaseIdle(em: Em, schema: SchemaName, key: string, epoch: number): Promise<boolean> {
  const released = await row(
    em,
    `update ${schema}.actors set owner = null, lease_until = null where key = ? and epoch = ? and pending = 0 returning 1`,
    [key, epoch],
  );
  return released !== undefined;
}

/** Gives the lease back with letters left; nobody takes it before the pause is over. */
export async function release(em: Em, schema: SchemaName, key: string, epoch: number, pauseMs: number): Promise<void> {
  await em.execute(
    `update ${schema}.actors set owner = null, lease_until = now() + ? * interval '1 millisecond' where key = ? and epoch = ?`,
    [pauseMs, key, epoch],
    "run",
  );
}

/** Actors with mail and nobody at work: their bell was lost or is kept by a node that does not answer. */
export async function forgotten(em: Em, schema: SchemaName, kind: string, limit: number): Promise<string[]> {
  const found = await rows<{ key: string }>(
    em,
    `select key from ${schema}.actors where kind = ? and pending > 0 and (lease_until is null or lease_until < now()) limit ?`,
    [kind, limit],
  );
  return found.map(({ key }) => key);
}
