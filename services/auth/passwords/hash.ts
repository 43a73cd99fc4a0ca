import { argon2, randomBytes, timingSafeEqual, type Argon2Parameters } from "node:crypto";
import { promisify } from "node:util";
import bcrypt from "bcrypt";
import { errors } from "../../../config/errors.ts";
import { isBreached } from "./breached.ts";
import { Gate } from "./gate.ts";

export const passwordBytes = { minimum: 12, maximum: 72 };

/** Of new hashes: argon2id as OWASP's password storage cheat sheet asks for it; 19 MiB and ~26 ms of a core. */
const memory = 19_456;
const passes = 2;
/** Of hashes made where Node has no argon2 (before 24.7). */
const cost = 12;
const hasArgon2 = typeof argon2 === "function";
const argon2id = promisify((parameters: Argon2Parameters, done: (error: Error | null, key: Buffer) => void) =>
  argon2("argon2id", parameters, done),
);

/**
 * Hashing works in libuv's pool of 4 threads, which files and DNS need too: two at a time leave it room, and 32 waiting are answered within a
 * second on two cores. No client may have more than 8 of the places, or one could keep all others out.
 */
const hashing = new Gate(2, 32, 8);

/** Hashes of random bytes that were thrown away: an unknown account then takes as long as a wrong password. */
const nobody = hasArgon2
  ? "$argon2id$v=19$m=19456,t=2,p=1$RfqCiJyaWkVXA90VtItbqQ$AKHk6eYNjX2jTWXBwslKgQEwzbbZDakLvI82+WlTP2w"
  : "$2b$12$fsp5kb8QCN2xI98b3Chjvu/8YuE68r3xN8VUsv3Wq5Kj4FB8/idja";

/** In the place of a hash for who has no password and signs in by other means: no password opens it. */
export const noPassword = "!";

/** The same letters typed on another system may come decomposed; they count as the same password. */
const bytesOf = (password: string) => Buffer.from(password.normalize("NFC"));

/**
 * Hashes a new password for storing.
 * @param client whom a place in the queue is counted for
 * @param pointer where the password stood in the request, for the fault
 * @throws VALIDATION_FAILED when it is shorter than 12 or longer than 72 bytes (bcrypt ignores what comes after those), or in the list of stolen ones
 */
export async function hashPassword(password: string, client = "", pointer = "/password"): Promise<string> {
  const bytes = bytesOf(password);
  const { minimum, maximum } = passwordBytes;
  if (bytes.length < minimum || bytes.length > maximum)
    throw errors.invalid([{ pointer, detail: `must have ${minimum} to ${maximum} bytes in UTF-8; it has ${bytes.length}` }]);
  if (isBreached(password))
    throw errors.invalid([
      { pointer, detail: "is in lists of stolen passwords, or a common word with little around it; choose another one" },
    ]);
  return await hashing.pass(client, () => (hasArgon2 ? makeArgon2(bytes) : bcrypt.hash(bytes, cost)));
}

/** Whether the password opens the hash. Without one (no such account) it says no after the same time. */
export async function verifyPassword(password: string, hash: string | undefined, client = ""): Promise<boolean> {
  const bytes = bytesOf(password);
  const fits = bytes.length <= passwordBytes.maximum;
  const real = hash !== undefined && hash !== noPassword;
  const same = await hashing.pass(client, () => opens(bytes.subarray(0, passwordBytes.maximum), real ? hash : nobody));
  return same && fits && real;
}

/** Whether a hash is weaker than what is made now. */
export const isOutdated = (hash: string): boolean => hasArgon2 && !hash.startsWith(`$argon2id$v=19$m=${memory},t=${passes},p=1$`);

async function opens(bytes: Buffer, hash: string): Promise<boolean> {
  if (hash.startsWith("$2")) return await bcrypt.compare(bytes, hash);
  const [, m, t, p, salt, key] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(hash) ?? [];
  if (!salt || !key) throw errors.internal("A stored password hash has a form that is not known.");
  if (!hasArgon2) throw errors.internal("A stored password hash is argon2id, which this Node (before 24.7) can't verify.");
  const expected = Buffer.from(key, "base64");
  const parameters = { memory: Number(m), passes: Number(t), parallelism: Number(p), tagLength: expected.length };
  return timingSafeEqual(expected, await argon2id({ ...parameters, message: bytes, nonce: Buffer.from(salt, "base64") }));
}

/** In the PHC string format. */
async function makeArgon2(bytes: Buffer): Promise<string> {
  const nonce = randomBytes(16);
  const key = await argon2id({ message: bytes, nonce, memory, passes, parallelism: 1, tagLength: 32 });
  return `$argon2id$v=19$m=${memory},t=${passes},p=1$${unpadded(nonce)}$${unpadded(key)}`;
}

const unpadded = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "");
