import { availableParallelism } from "node:os";
import { errors } from "../../../config/errors.ts";
import { isBreached } from "./breached.ts";
import { nobody } from "./crypt.ts";
import { Gate } from "./gate.ts";
import { makeHash, opensHash } from "./threads.ts";

export const passwordBytes = { minimum: 12, maximum: 72 };

/**
 * Two hashes at a time, each on a thread of its own, but never on all cores: event loops need one, and a low priority counts for little between
 * sessions or containers. 32 waiting are answered within a second, on one thread, and as many of those who are known before them in another. No client
 * may have more than 8 of the places of a line, or one could keep all others out.
 */
const hashing = new Gate(Math.max(1, Math.min(2, availableParallelism() - 1)), 32, 8);

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
  return await hashing.pass(client, () => makeHash(bytes));
}

/**
 * Whether the password opens the hash. Without one (no such account) it says no after the same time.
 * @param known whether this account was opened from there before: then it goes before the others
 */
export async function verifyPassword(password: string, hash: string | undefined, client = "", known = false): Promise<boolean> {
  const bytes = bytesOf(password);
  const fits = bytes.length <= passwordBytes.maximum;
  const real = hash !== undefined && hash !== noPassword;
  const same = await hashing.pass(client, () => opensHash(bytes.subarray(0, passwordBytes.maximum), real ? hash : nobody), known);
  return same && fits && real;
}
