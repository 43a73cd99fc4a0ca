/**
 * SFTP version 3 as OpenSSH speaks it (draft-ietf-secsh-filexfer-02 and OpenSSH's PROTOCOL), as far as sources and destinations need it.
 * ssh2's own SFTP client takes file names for UTF-8 text, so others could neither be listed nor opened, and sends each request in an SSH
 * packet of its own, which costs a third of the time where files are small.
 */
export const type = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attrs: 105,
  extended: 200,
  extendedReply: 201,
} as const;

export const status = { ok: 0, end: 1, missing: 2, denied: 3, failure: 4, badMessage: 5, unsupported: 8 } as const;

export const flag = { read: 1, write: 2, create: 8, exclusive: 32 } as const;

const has = { size: 1, owner: 2, mode: 4, times: 8, extended: 0x8000_0000 } as const;

/** What the server says of a file; what it does not say is absent. */
export interface Attrs {
  size?: number;
  /** As in stat(2): kind and permissions. */
  mode?: number;
  /** Whole seconds since 1970. */
  modified?: number;
}

/** A 64-bit number; others are of 32 bits. */
export interface Long {
  long: number;
}
export type Field = number | Long | Uint8Array;

/** A packet: its type, a number by which the answer is known, its fields. Bytes are preceded by their length. */
export function packet(kind: number, id: number, fields: readonly Field[]): Buffer {
  let length = 9;
  for (const field of fields) length += typeof field === "number" ? 4 : "long" in field ? 8 : 4 + field.length;
  const out = Buffer.allocUnsafe(length);
  out.writeUInt32BE(length - 4, 0);
  out[4] = kind;
  out.writeUInt32BE(id, 5);
  let at = 9;
  for (const field of fields) {
    if (typeof field === "number") at = out.writeUInt32BE(field, at);
    else if ("long" in field) {
      out.writeUInt32BE(Math.floor(field.long / 2 ** 32), at);
      at = out.writeUInt32BE(field.long % 2 ** 32, at + 4);
    } else {
      at = out.writeUInt32BE(field.length, at);
      out.set(field, at);
      at += field.length;
    }
  }
  return out;
}

/** The fields that set a time, for FSETSTAT. */
export const timesFields = (seconds: number): Field[] => [has.times, seconds, seconds];

/** Reads an answer's fields in turn. @throws RangeError when it is shorter than it claims */
export function fieldsOf(bytes: Buffer, start: number) {
  let at = start;
  const number = () => {
    at += 4;
    return bytes.readUInt32BE(at - 4);
  };
  const long = () => number() * 2 ** 32 + number();
  const string = (): Buffer => {
    const length = number();
    if (at + length > bytes.length) throw new RangeError(`${length} bytes were announced, ${bytes.length - at} came`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  const attrs = (): Attrs => {
    const flags = number();
    const found: Attrs = {};
    if (flags & has.size) found.size = long();
    if (flags & has.owner) at += 8;
    if (flags & has.mode) found.mode = number();
    if (flags & has.times) {
      at += 4;
      found.modified = number();
    }
    if (flags & has.extended) for (let left = number(); left > 0; left--) void [string(), string()];
    return found;
  };
  return { number, long, string, attrs, more: () => at < bytes.length };
}
export type Fields = ReturnType<typeof fieldsOf>;
