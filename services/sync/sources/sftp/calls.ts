import { errors } from "../../../../config/errors.ts";
import { status, timesFields, type, type Attrs, type Field } from "./packets.ts";
import type { Answer, Session } from "./session.ts";

/** A server's refusal: its status (packets.ts) and its words. `itemError` puts it into the sources' vocabulary. */
export interface Refusal extends Error {
  status: number;
}

export const statusOf = (error: unknown): number | undefined => {
  const found = (error as { status?: unknown } | null)?.status;
  return typeof found === "number" ? found : undefined;
};

function refusal({ fields }: Answer, code = fields.number()): Refusal {
  const words = fields.more() ? fields.string().toString("utf8").trim() : "";
  return Object.assign(new Error(words || `status ${code}`), { status: code });
}

async function expect(session: Session, kind: number, fields: readonly Field[], wanted: number, patience?: number): Promise<Answer> {
  const answer = await session.ask(kind, fields, patience);
  if (answer.kind === wanted) return answer;
  if (answer.kind === type.status) throw refusal(answer);
  throw errors.sourceUnreachable(`The SFTP server answered ${kind} with ${answer.kind}; ${wanted} was expected.`);
}

async function done(session: Session, kind: number, fields: readonly Field[], patience?: number): Promise<void> {
  const answer = await expect(session, kind, fields, type.status, patience);
  const code = answer.fields.number();
  if (code !== status.ok) throw refusal(answer, code);
}

const attrs = async (session: Session, kind: number, of: Uint8Array): Promise<Attrs> =>
  (await expect(session, kind, [of], type.attrs)).fields.attrs();

export interface Named {
  name: Buffer;
  /** A line as of ls -l. */
  line: Buffer;
  attrs: Attrs;
}

async function names(session: Session, kind: number, of: Uint8Array): Promise<Named[]> {
  const { fields } = await expect(session, kind, [of], type.name);
  return Array.from({ length: fields.number() }, () => {
    return { name: fields.string(), line: fields.string(), attrs: fields.attrs() };
  });
}

/** Fsync of a large file may take as long as writing it. */
const FLUSH = 600_000;

/** Paths and names are the server's bytes; all throw `Refusal`, or SOURCE_UNREACHABLE when the session is lost. */
export const calls = {
  /** Counts as open until `close`. */
  async open(session: Session, path: Uint8Array, flags: number): Promise<Buffer> {
    const { fields } = await expect(session, type.open, [path, flags, 0], type.handle);
    session.handles++;
    return fields.string();
  },
  async openFolder(session: Session, path: Uint8Array): Promise<Buffer> {
    const { fields } = await expect(session, type.opendir, [path], type.handle);
    session.handles++;
    return fields.string();
  },
  close(session: Session, handle: Uint8Array): Promise<void> {
    session.handles--;
    return done(session, type.close, [handle]);
  },
  /** At most `length` bytes, fewer where the server likes; null behind the end. */
  async read(session: Session, handle: Uint8Array, from: number, length: number): Promise<Buffer | null> {
    try {
      return (await expect(session, type.read, [handle, { long: from }, length], type.data)).fields.string();
    } catch (error) {
      if (statusOf(error) === status.end) return null;
      throw error;
    }
  },
  write: (session: Session, handle: Uint8Array, at: number, bytes: Uint8Array) => done(session, type.write, [handle, { long: at }, bytes]),
  /** The next entries of a folder, in no order; null when all have come. */
  async readFolder(session: Session, handle: Uint8Array): Promise<Named[] | null> {
    try {
      return await names(session, type.readdir, handle);
    } catch (error) {
      if (statusOf(error) === status.end) return null;
      throw error;
    }
  },
  /** Absolute, without links where the server resolves them (OpenSSH does). */
  async real(session: Session, path: Uint8Array): Promise<Buffer> {
    const [found] = await names(session, type.realpath, path);
    if (!found) throw errors.sourceUnreachable("The SFTP server answered a question for a real path without one.");
    return found.name;
  },
  /** Of what a link leads to. */
  stat: (session: Session, path: Uint8Array) => attrs(session, type.stat, path),
  lstat: (session: Session, path: Uint8Array) => attrs(session, type.lstat, path),
  fstat: (session: Session, handle: Uint8Array) => attrs(session, type.fstat, handle),
  /** @param seconds since 1970 */
  setTime: (session: Session, handle: Uint8Array, seconds: number) => done(session, type.fsetstat, [handle, ...timesFields(seconds)]),
  makeFolder: (session: Session, path: Uint8Array) => done(session, type.mkdir, [path, 0]),
  removeFolder: (session: Session, path: Uint8Array) => done(session, type.rmdir, [path]),
  remove: (session: Session, path: Uint8Array) => done(session, type.remove, [path]),
  /** Fails where `to` exists. */
  rename: (session: Session, from: Uint8Array, to: Uint8Array) => done(session, type.rename, [from, to]),
  /** Puts a file in the place of `to`. Needs the extension posix-rename@openssh.com. */
  replace: (session: Session, from: Uint8Array, to: Uint8Array) =>
    done(session, type.extended, [Buffer.from("posix-rename@openssh.com"), from, to]),
  /** Returns when what was written is on the disk. Needs the extension fsync@openssh.com. */
  flush: (session: Session, handle: Uint8Array) => done(session, type.extended, [Buffer.from("fsync@openssh.com"), handle], FLUSH),
  /** Bytes and files that the user may still add where `path` lies; files is null where they are not counted. Needs statvfs@openssh.com. */
  async free(session: Session, path: Uint8Array): Promise<{ bytes: number; files: number | null }> {
    const { fields } = await expect(session, type.extended, [Buffer.from("statvfs@openssh.com"), path], type.extendedReply);
    const [, fragment = 0, , , blocks = 0, all = 0, , files = 0] = Array.from({ length: 8 }, () => fields.long());
    return { bytes: fragment * blocks, files: all ? files : null };
  },
};
