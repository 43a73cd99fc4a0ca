import bcrypt from "bcrypt";
import { errors } from "../../../config/errors.ts";
import { Gate } from "./gate.ts";

export const passwordBytes = { minimum: 12, maximum: 72 };
const cost = 12;

/**
 * One hash takes ~180 ms of a core. bcrypt works in libuv's pool of 4 threads, which files and DNS need too: two at a time leave it room,
 * and 32 waiting are answered within about 3 s on two cores.
 */
const hashing = new Gate(2, 32);

/** The hash of random bytes that were thrown away, of the same cost: an unknown account then takes as long as a wrong password. */
const nobody = "$2b$12$fsp5kb8QCN2xI98b3Chjvu/8YuE68r3xN8VUsv3Wq5Kj4FB8/idja";

/** The same letters typed on another system may come decomposed; they count as the same password. */
const bytesOf = (password: string) => Buffer.from(password.normalize("NFC"));

/**
 * Hashes a new password for storing.
 * @param pointer where the password stood in the request, for the fault
 * @throws VALIDATION_FAILED when it is shorter than 12 or longer than 72 bytes: bcrypt ignores what comes after those
 */
export async function hashPassword(password: string, pointer = "/password"): Promise<string> {
  const bytes = bytesOf(password);
  const { minimum, maximum } = passwordBytes;
  if (bytes.length < minimum || bytes.length > maximum)
    throw errors.invalid([{ pointer, detail: `must have ${minimum} to ${maximum} bytes in UTF-8; it has ${bytes.length}` }]);
  return await hashing.pass(() => bcrypt.hash(bytes, cost));
}

/** Whether the password opens the hash. Without a hash (no such account) it says no after the same time. */
export async function verifyPassword(password: string, hash: string | undefined): Promise<boolean> {
  const bytes = bytesOf(password);
  const fits = bytes.length <= passwordBytes.maximum;
  const same = await hashing.pass(() => bcrypt.compare(bytes.subarray(0, passwordBytes.maximum), hash ?? nobody));
  return same && fits && hash !== undefined;
}
