import Type, { type Static } from "typebox";
import { orAbort } from "./sftp/abort.ts";
import { calls } from "./sftp/calls.ts";
import { connector } from "./sftp/connect.ts";
import { sftpDestination } from "./sftp/destination.ts";
import { itemError } from "./sftp/faults.ts";
import { parse } from "./sftp/parse.ts";
import { poolOf } from "./sftp/pool.ts";
import { openFile } from "./sftp/reading.ts";
import { rootOf } from "./sftp/root.ts";
import type { SftpSpec } from "./sftp/spec.ts";
import { walk } from "./sftp/walk.ts";
import { nameOf, type Source, type SourceKind } from "./source.ts";

const access = Type.Object(
  {
    username: Type.Optional(Type.String({ maxLength: 256, description: "Account on the server." })),
    password: Type.Optional(Type.String({ maxLength: 1024, description: "Its password; kept sealed, never shown." })),
    privateKey: Type.Optional(
      Type.String({
        maxLength: 32_768,
        description: "A private key that the account takes, in OpenSSH's format or PEM; kept sealed, never shown.",
      }),
    ),
    passphrase: Type.Optional(Type.String({ maxLength: 1024, description: "Opens the private key; kept sealed, never shown." })),
    hostKey: Type.Optional(
      Type.String({
        maxLength: 4096,
        description:
          "Fingerprint of the server's key as ssh-keygen -l prints it, SHA256:…; several when it may have any of them. Without one the " +
          "connection is refused, and the message tells which fingerprint to compare.",
      }),
    ),
  },
  { additionalProperties: false },
);
export type SftpAccess = Static<typeof access>;

/** A folder on a server that speaks SFTP. */
export default {
  kind: "sftp",
  schemes: ["sftp"],
  example: "sftp://host/folder",
  access,
  parse,
  guarantee: "size-and-time",
  open: sftpSource,
  openDestination: sftpDestination,
  contentTag: () => null,
  moveTag(fingerprint, path) {
    // Empty files are all alike; a time that may stand for two contents tells nothing.
    return fingerprint.startsWith("0.") || fingerprint.endsWith("~") ? null : `${fingerprint}.${nameOf(path)}`;
  },
} satisfies SourceKind<SftpSpec, typeof access>;

function sftpSource(spec: SftpSpec): Source {
  const pool = poolOf(connector(spec));
  const root = rootOf(pool, spec);

  return {
    // Each waits for two answers, one after the other: far away that is nearly all they do.
    parallel: 64,

    async check(signal) {
      try {
        const folder = await orAbort(root.look(), signal);
        await pool.use(async (session) => calls.close(session, await calls.openFolder(session, folder)), signal);
      } catch (error) {
        throw itemError(error, spec.uri);
      }
    },

    async *list(signal, after) {
      try {
        yield* walk(pool, await orAbort(root.look(), signal), { signal, after });
      } catch (error) {
        throw itemError(error, spec.uri);
      }
    },

    async open(path, signal, from = 0) {
      try {
        return await openFile(pool, await orAbort(root.known(), signal), path, from, signal);
      } catch (error) {
        throw itemError(error, path);
      }
    },

    close() {
      pool.close();
    },
  };
}
