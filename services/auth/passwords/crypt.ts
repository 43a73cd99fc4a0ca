import { argon2Sync, randomBytes, timingSafeEqual } from "node:crypto";
import bcrypt from "bcrypt";
import { errors } from "../../../config/errors.ts";

/** Of new hashes: argon2id as OWASP's password storage cheat sheet asks for it; 19 MiB and ~26 ms of a core. */
const memory = 19_456;
const passes = 2;
/** Of hashes made where Node has no argon2 (before 24.7). */
const cost = 12;
const hasArgon2 = typeof argon2Sync === "function";

/** A hash of random bytes that were thrown away. */
export const nobody = hasArgon2
  ? "$argon2id$v=19$m=19456,t=2,p=1$RfqCiJyaWkVXA90VtItbqQ$AKHk6eYNjX2jTWXBwslKgQEwzbbZDakLvI82+WlTP2w"
  : "$2b$12$fsp5kb8QCN2xI98b3Chjvu/8YuE68r3xN8VUsv3Wq5Kj4FB8/idja";

/** Whether a hash is weaker than what is made now. */
export const isOutdated = (hash: string): boolean => hasArgon2 && !hash.startsWith(`$argon2id$v=19$m=${memory},t=${passes},p=1$`);

/** A new hash in the PHC string format (argon2id) or bcrypt's own. Takes tens of milliseconds of this thread. */
export function make(bytes: Uint8Array): string {
  if (!hasArgon2) return bcrypt.hashSync(Buffer.from(bytes), cost);
  const nonce = randomBytes(16);
  const key = argon2Sync("argon2id", { message: bytes, nonce, memory, passes, parallelism: 1, tagLength: 32 });
  return `$argon2id$v=19$m=${memory},t=${passes},p=1$${unpadded(nonce)}$${unpadded(key)}`;
}

/**
 * Whether a password opens a hash, of the kinds made here. Takes tens of milliseconds of this thread.
 * @throws INTERNAL_ERROR when the hash has another form
 */
export function opens(bytes: Uint8Array, hash: string): boolean {
  if (hash.startsWith("$2")) return bcrypt.compareSync(Buffer.from(bytes), hash);
  const [, m, t, p, salt, key] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(hash) ?? [];
  if (!salt || !key) throw errors.internal("A stored password hash has a form that is not known.");
  if (!hasArgon2) throw errors.internal("A stored password hash is argon2id, which this Node (before 24.7) can't verify.");
  const expected = Buffer.from(key, "base64");
  const parameters = { memory: Number(m), passes: Number(t), parallelism: Number(p), tagLength: expected.length };
  return timingSafeEqual(expected, argon2Sync("argon2id", { ...parameters, message: bytes, nonce: Buffer.from(salt, "base64") }));
}

const unpadded = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "");
