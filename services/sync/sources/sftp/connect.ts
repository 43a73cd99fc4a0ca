import { createHash } from "node:crypto";
import type { ClientChannel, ServerHostKeyAlgorithm } from "ssh2";
import { errors, messageOf } from "../../../../config/errors.ts";
import { connectTo, silenceOf } from "../reach.ts";
import { quickenKeys } from "./keys.ts";
import { loginError, logins } from "./login.ts";
import { startSession, type Session } from "./session.ts";
import type { SftpSpec } from "./spec.ts";

/** A server has keys of several kinds and shows one of them, by what it is asked for. */
const families: ServerHostKeyAlgorithm[][] = [
  ["ssh-ed25519"],
  ["ecdsa-sha2-nistp256"],
  ["ecdsa-sha2-nistp384"],
  ["ecdsa-sha2-nistp521"],
  ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
];

/**
 * Opens an SFTP session on a connection of its own.
 * @throws SOURCE_DENIED for a host key that is not pinned (the message tells which it is) or a login that is refused, SOURCE_UNREACHABLE,
 * SOURCE_NOT_ALLOWED
 */
export type Connect = (signal: AbortSignal) => Promise<Session>;

/** Remembers which of a server's keys is the pinned one. */
export function connector(spec: SftpSpec): Connect {
  let pinned: ServerHostKeyAlgorithm[] | undefined;
  return async (signal) => {
    /** Fingerprint → name of the keys that were shown and refused. */
    const seen = new Map<string, string>();
    const first = await connectOnce(spec, pinned, seen, signal);
    if (first) return first;
    // The pinned key may be another than the one that was shown. The server has been told nothing yet.
    for (const family of spec.hostKeys.length ? families : []) {
      if ([...seen.values()].some((name) => family.some((other) => other === name))) continue;
      const session = await connectOnce(spec, family, seen, signal);
      if (!session) continue;
      pinned = family;
      return session;
    }
    throw strangeHost(spec, seen);
  };
}

function strangeHost({ host, hostKeys }: SftpSpec, seen: ReadonlyMap<string, string>): Error {
  const shown = [...seen].map(([fingerprint, name]) => `${fingerprint} (${name})`).join(", ");
  const message = hostKeys.length
    ? `${host} was expected to have the key ${hostKeys.join(" or ")}; it has ${shown}. Its key was changed, or this is another server.`
    : `The key of ${host} is not pinned. It shows ${shown}: compare that with what the server's owner says, then give it as hostKey.`;
  return errors.sourceDenied(message, { hostKeys: [...seen.keys()] });
}

const dropped = new WeakSet<Error>();
/** Whether a server hung up on a connection it had taken, as busy ones do (MaxStartups): a later one may get through. */
export const wasDropped = (error: unknown): boolean => dropped.has(error as Error);

/** @returns undefined when the server shows no key of those pinned (it stands in `seen` then), or has none of the kind asked for */
async function connectOnce(
  spec: SftpSpec,
  family: ServerHostKeyAlgorithm[] | undefined,
  seen: Map<string, string>,
  signal: AbortSignal,
): Promise<Session | undefined> {
  const { default: ssh2 } = await import("ssh2");
  const { host, username } = spec;
  const silence = silenceOf(spec);
  const sock = await connectTo(spec, signal);
  const client = new ssh2.Client();
  const login = logins(spec);
  let strange = false;
  let session: Session | undefined;

  return await new Promise<Session | undefined>((resolve, reject) => {
    const fail = (error: Error) => {
      over();
      if (session) session.end(error);
      sock.destroy();
      if (strange) resolve(undefined);
      else reject(error);
    };
    const leave = () => fail(signal.reason as Error);
    signal.addEventListener("abort", leave, { once: true });
    const patience = setTimeout(() => fail(errors.sourceUnreachable(`${host} did not start SFTP within ${silence} ms.`)), silence);
    const over = () => {
      clearTimeout(patience);
      signal.removeEventListener("abort", leave);
    };

    client.on("error", (error: Error & { level?: string }) => {
      if (family && /no matching host key/i.test(error.message)) strange = true;
      if (error.level === "client-authentication") return fail(loginError(spec, login.taken(), error));
      const unreachable = errors.sourceUnreachable(`${host}: ${messageOf(error)}.`, undefined, error);
      if (/before handshake|ECONNRESET/.test(error.message)) dropped.add(unreachable);
      fail(unreachable);
    });
    client.on("close", () => fail(errors.sourceUnreachable(`${host} closed the connection.`)));
    client.on("change password", () => fail(errors.sourceDenied(`${host} wants the password of ${username} to be changed first.`)));
    client.on("ready", () => {
      client.subsys("sftp", (error: Error | undefined, channel: ClientChannel) => {
        if (error) return fail(errors.sourceUnreachable(`${host} offers ${username} no SFTP: ${messageOf(error)}.`, undefined, error));
        startSession(channel, sock, host, silence).then((started) => {
          over();
          session = started;
          resolve(started);
        }, fail);
      });
    });
    quickenKeys(client);
    client.connect({
      sock,
      username,
      authHandler: login.next,
      readyTimeout: 0,
      keepaliveInterval: silence / 2,
      keepaliveCountMax: 2,
      ...(family && { algorithms: { serverHostKey: family } }),
      hostVerifier: (key: Buffer) => {
        const fingerprint = `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
        strange = !spec.hostKeys.includes(fingerprint);
        // A key starts with its name's length and its name (RFC 4253 section 6.6).
        if (strange) seen.set(fingerprint, key.toString("latin1", 4, 4 + key.readUInt32BE(0)));
        return !strange;
      },
    });
  });
}
