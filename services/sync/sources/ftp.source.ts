import Type from "typebox";
import { ftpDestination } from "./ftp/destination.ts";
import { itemError } from "./ftp/faults.ts";
import { checkFolder } from "./ftp/folder.ts";
import { listFolder } from "./ftp/listing.ts";
import { parseFtp } from "./ftp/parse.ts";
import { poolOf } from "./ftp/pool.ts";
import { openFile } from "./ftp/reading.ts";
import type { FtpSpec } from "./ftp/spec.ts";
import { nameOf, type Source, type SourceKind } from "./source.ts";

const access = Type.Object(
  {
    username: Type.Optional(Type.String({ maxLength: 256, description: "Account on the server; anonymous when left out." })),
    password: Type.Optional(Type.String({ maxLength: 1024, description: "Its password; kept sealed, never shown." })),
    ca: Type.Optional(
      Type.String({
        maxLength: 65_536,
        description:
          "Certificate, PEM, of the authority that signed the server's; for ftps:// servers with one that no public authority has signed.",
      }),
    ),
    fingerprint: Type.Optional(
      Type.String({
        maxLength: 256,
        description:
          "SHA-256 of the server's certificate, 64 hexadecimal digits: then no other is taken, and this one whoever has signed it.",
      }),
    ),
    implicit: Type.Optional(
      Type.Boolean({
        description: "ftps:// with TLS from the first byte instead of AUTH TLS; what port 990 is for, so that it is the default there.",
      }),
    ),
    connections: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 16,
        description: "Most connections that one worker has at a time, 4 when left out; each reads one file.",
      }),
    ),
  },
  { additionalProperties: false },
);

/** A folder on a server that speaks FTP, in the clear (ftp://) or over TLS (ftps://). */
export default {
  kind: "ftp",
  schemes: ["ftp", "ftps"],
  example: "ftps://host/folder",
  access,
  parse: parseFtp,
  guarantee: "size-and-time",
  open: ftpSource,
  openDestination: ftpDestination,
  contentTag: () => null,
  moveTag(fingerprint, path) {
    // An empty file is like any other; a time that may stand for two contents tells nothing.
    if (fingerprint.startsWith("0.") || fingerprint.endsWith("~")) return null;
    const [size, time] = fingerprint.split(".");
    return `${size}.${time}.${nameOf(path)}`;
  },
} satisfies SourceKind<FtpSpec, typeof access>;

function ftpSource(spec: FtpSpec): Source {
  const pool = poolOf(spec);
  return {
    parallel: spec.connections,

    async check(signal) {
      try {
        await pool.use((session) => checkFolder(session, "", signal), signal);
      } catch (error) {
        signal?.throwIfAborted();
        throw itemError(error, spec.uri);
      }
    },

    list: (signal, after) => listFolder(pool, spec.connections, signal, after),

    open: (path, signal, from = 0) => openFile(pool, path, from, signal),

    close() {
      pool.close();
    },
  };
}
