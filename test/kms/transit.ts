import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from "node:crypto";
import { startDouble } from "./double.ts";

/**
 * A double of HashiCorp Vault's Transit engine for tests: encrypt and decrypt with aes256-gcm96 keys of several versions, token and
 * namespace checked, associated data authenticated. What it answers follows the Transit HTTP API; it can be told to fail.
 */
export interface TransitDouble {
  url: string;
  token: string;
  /** "mount/name" → its versions, and the lowest that still decrypts. */
  keys: Map<string, { versions: Buffer[]; lowest: number }>;
  faults: TransitFaults;
  /** Path of every request, in order. */
  requests: string[];
  close(): Promise<void>;
}

export interface TransitFaults {
  /** So many of the next requests are answered with this status. */
  next: number;
  status: number;
  /** As versions before 1.13 did: associated data is not looked at. */
  unbound: boolean;
  /** As versions from 1.4 to 1.6 did: 500 for what does not verify. */
  harsh: boolean;
  /** Nothing is answered at all. */
  silent: boolean;
}

export interface TransitDoubleOptions {
  keys: string[];
  namespace?: string;
}

class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface Wish {
  plaintext?: string;
  ciphertext?: string;
  associated_data?: string;
}

export async function startTransit({ keys: names, namespace }: TransitDoubleOptions): Promise<TransitDouble> {
  const state = { token: `hvs.${randomUUID()}` };
  const keys: TransitDouble["keys"] = new Map(names.map((name) => [name, { versions: [randomBytes(32)], lowest: 1 }]));
  const faults: TransitFaults = { next: 0, status: 500, unbound: false, harsh: false, silent: false };
  const requests: string[] = [];
  const bound = ({ associated_data = "" }: Wish) => Buffer.from(faults.unbound ? "" : associated_data, "base64");

  function encrypt(name: string, wish: Wish): object {
    // An unknown key is made when the policy allows "create"; ours allows "update" alone.
    const key = keys.get(name);
    if (!key) throw new Refusal(403, "1 error occurred:\n\t* permission denied\n\n");
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", key.versions.at(-1)!, nonce).setAAD(bound(wish));
    const sealed = Buffer.concat([nonce, cipher.update(wish.plaintext ?? "", "base64"), cipher.final(), cipher.getAuthTag()]);
    return { ciphertext: `vault:v${key.versions.length}:${sealed.toString("base64")}`, key_version: key.versions.length };
  }

  function decrypt(name: string, wish: Wish): object {
    const key = keys.get(name);
    if (!key) throw new Refusal(400, "encryption key not found");
    if (!wish.ciphertext) throw new Refusal(400, "missing ciphertext to decrypt");
    const [, version = "", text = ""] = /^vault:v(\d+):(.*)$/s.exec(wish.ciphertext) ?? [];
    if (!version) throw new Refusal(400, "invalid ciphertext: no prefix");
    if (Number(version) > key.versions.length) throw new Refusal(400, "invalid ciphertext: version is too new");
    if (Number(version) < key.lowest) throw new Refusal(400, "ciphertext or signature version is disallowed by policy (too old)");
    const sealed = Buffer.from(text, "base64");
    if (sealed.toString("base64") !== text) throw new Refusal(400, "invalid ciphertext: could not decode base64");
    if (sealed.length < 28) throw new Refusal(400, "invalid ciphertext length");
    try {
      const secret = key.versions[Number(version) - 1]!;
      const decipher = createDecipheriv("aes-256-gcm", secret, sealed.subarray(0, 12), { authTagLength: 16 }).setAAD(bound(wish));
      decipher.setAuthTag(sealed.subarray(-16));
      return { plaintext: Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString("base64") };
    } catch {
      throw faults.harsh
        ? new Refusal(500, "1 error occurred:\n\t* cipher: message authentication failed\n\n")
        : new Refusal(400, "invalid ciphertext: unable to decrypt");
    }
  }

  const double = await startDouble((request, body, response) => {
    if (faults.silent) return;
    const path = request.url!;
    requests.push(path);
    const send = (status: number, value: object) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    try {
      if (faults.next > 0 && faults.next--) throw new Refusal(faults.status, "The double was told to.");
      const [, mount, verb, name] = /^\/v1\/(.+)\/(encrypt|decrypt)\/([^/]+)$/.exec(path) ?? [];
      if (!mount || request.headers["x-vault-namespace"] !== namespace)
        throw new Refusal(404, `no handler for route "${path.slice(4)}". route entry not found.`);
      if (request.headers["x-vault-token"] !== state.token) throw new Refusal(403, "permission denied");
      const wish = JSON.parse(body.toString()) as Wish;
      const work = verb === "encrypt" ? encrypt : decrypt;
      send(200, { request_id: randomUUID(), lease_id: "", renewable: false, lease_duration: 0, data: work(`${mount}/${name}`, wish) });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      send(error.status, { errors: [error.message] });
    }
  });

  return {
    url: double.origin,
    get token() {
      return state.token;
    },
    set token(token: string) {
      state.token = token;
    },
    keys,
    faults,
    requests,
    close: () => double.close(),
  };
}
