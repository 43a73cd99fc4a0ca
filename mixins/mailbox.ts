import type { SchemaName } from "../config/names.ts";
import { ring } from "./events.ts";
import { prepared, row, rows, type Em } from "./database.ts";

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

export interface Claimed {
  key: string;
  tenantId: string;
  epoch: number;
}

/**
 * Puts a letter into an actor's mailbox and rings its bell, in the sender's transaction. Rows of actors at rest are removed in the end (prune.ts): the
 * epochs of a new row begin with the clock's seconds, so that none is given out twice and whoever held the lease before the removal stays fenced.
 */
export async function tell(em: Em, schema: SchemaName, letter: Letter): Promise<void> {
  const fresh = await row(
    em,
    `insert into ${schema}.actor_messages (key, tenant_id, message_id, type, body) values (?, ?, ?, ?, ?::jsonb) on conflict (message_id) do nothing returning id`,
    [letter.key, letter.tenantId, letter.messageId, letter.type, JSON.stringify(letter.body ?? {})],
  );
  if (!fresh) return;
  await em.execute(
    `insert into ${schema}.actors (key, tenant_id, kind, pending, epoch) values (?, ?, ?, 1, floor(extract(epoch from clock_timestamp())))
     on conflict (key) do update set pending = actors.pending + 1,
       lease_until = case when actors.pending > 0 or actors.owner is not null then actors.lease_until end`,
    [letter.key, letter.tenantId, letter.kind],
    "run",
  );
  await ring(em, schema, letter.tenantId, `bell.${schema}.${letter.kind}.${letter.key}`, letter.messageId);
}

/**
 * Takes the lease of an actor that has mail and no living owner. The raised epoch fences whoever held it before. Nothing when another is
 * about to take it, or an owner that froze in the middle of a transaction still keeps its row locked: waiting for either helps nobody.
 */
async function claim(em: Em, schema: SchemaName, key: string, owner: string, leaseMs: number): Promise<Claimed | undefined> {
  const claimed = await row<{ tenant_id: string; epoch: string }>(
    em,
    `update ${schema}.actors set owner = ?, epoch = epoch + 1, lease_until = now() + ? * interval '1 millisecond'
     where key = (select key from ${schema}.actors where key = ? and pending > 0 and (lease_until is null or lease_until < now()) for update skip locked)
     returning tenant_id, epoch`,
    [owner, leaseMs, key],
  );
  return claimed && { key, tenantId: claimed.tenant_id, epoch: Number(claimed.epoch) };
}

/** Takes the first of these actors that can be taken. */
export async function claimFirst(em: Em, schema: SchemaName, keys: string[], owner: string, leaseMs: number): Promise<Claimed | undefined> {
  for (const key of keys) {
    const claimed = await claim(em, schema, key, owner, leaseMs);
    if (claimed) return claimed;
  }
  return undefined;
}

/** Extends the lease; false when another epoch holds it. Locks the actor's row until the transaction ends, so no take-over commits in between. */
export async function renew(em: Em, schema: SchemaName, key: string, epoch: number, leaseMs: number): Promise<boolean> {
  const renewed = await prepared(
    em,
    `update ${schema}.actors set lease_until = now() + $1 * interval '1 millisecond' where key = $2 and epoch = $3 and owner is not null returning 1`,
    [leaseMs, key, epoch],
  );
  return renewed.length > 0;
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
  const found = await prepared<{ type: string }>(
    em,
    `select type from ${schema}.actor_messages where key = $1 and done_at is null and id > $2 order by id`,
    [key, currentId],
  );
  return found.map(({ type }) => type);
}

export async function finish(em: Em, schema: SchemaName, key: string, messageId: string): Promise<void> {
  await em.execute(`update ${schema}.actor_messages set done_at = now() where id = ?`, [messageId], "run");
  await em.execute(`update ${schema}.actors set pending = pending - 1 where key = ?`, [key], "run");
}

/** Gives the lease back when no letter has come in meanwhile, and notes since when the actor rests; returns whether it was given back. */
export async function releaseIdle(em: Em, schema: SchemaName, key: string, epoch: number): Promise<boolean> {
  const released = await row(
    em,
    `update ${schema}.actors set owner = null, lease_until = now() where key = ? and epoch = ? and pending = 0 returning 1`,
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

/** Gives the lease back in the middle of a letter, to go on with it later: the start that ends here does not count. */
export async function makeRoom(em: Em, schema: SchemaName, key: string, epoch: number): Promise<void> {
  await em.execute(
    `with released as (update ${schema}.actors set owner = null, lease_until = now() where key = ? and epoch = ? returning key)
     update ${schema}.actor_messages set attempts = attempts - 1
     where attempts > 0 and id = (select min(id) from ${schema}.actor_messages where key = (select key from released) and done_at is null)`,
    [key, epoch],
    "run",
  );
}

const unattended = `kind = ? and pending > 0 and (lease_until is null or lease_until < now())`;

/** Actors with mail and nobody at work; those that a dead owner left come first. */
export async function unattendedActors(em: Em, schema: SchemaName, kind: string, limit: number): Promise<string[]> {
  const found = await rows<{ key: string }>(em, `select key from ${schema}.actors where ${unattended} order by lease_until limit ?`, [
    kind,
    limit,
  ]);
  return found.map(({ key }) => key);
}

/** Actors with nobody at work and a letter of one of these types. */
export async function unattendedWith(em: Em, schema: SchemaName, kind: string, types: readonly string[], limit: number): Promise<string[]> {
  const found = await rows<{ key: string }>(
    em,
    `select key from ${schema}.actors a where ${unattended}
     and exists (select 1 from ${schema}.actor_messages m where m.key = a.key and m.done_at is null and m.type in (?)) limit ?`,
    [kind, types, limit],
  );
  return found.map(({ key }) => key);
}

/** Whether a letter of one of these types waits in an actor's mailbox. */
export async function hasLetter(em: Em, schema: SchemaName, key: string, types: readonly string[]): Promise<boolean> {
  const found = await row(em, `select 1 from ${schema}.actor_messages where key = ? and done_at is null and type in (?) limit 1`, [
    key,
    types,
  ]);
  return found !== undefined;
}

/** Milliseconds until the next lease, or pause, of an actor with mail ends; undefined when there is none. */
export async function nextLapse(em: Em, schema: SchemaName, kind: string): Promise<number | undefined> {
  const next = await row<{ ms: number | null }>(
    em,
    `select (extract(epoch from min(lease_until) - now()) * 1000)::float8 as ms from ${schema}.actors where kind = ? and pending > 0 and lease_until >= now()`,
    [kind],
  );
  return next?.ms ?? undefined;
}
