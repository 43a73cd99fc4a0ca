import { randomUUID } from "node:crypto";
import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errors, messageOf } from "../../../config/errors.ts";

/** Bytes that are written, and read, at once. */
const PIECE = 32 * 1024;
/** Of the length that stands before each record. */
const HEAD = 4;

/**
 * Records on the disk that are of use to this process alone. The file has no name: it is gone when it is closed, and when the process is
 * killed. Synchronous, for worker threads.
 */
export class Scratch {
  private readonly fd: number;
  private written = 0;
  private piece = Buffer.allocUnsafe(PIECE);
  private filled = 0;

  constructor() {
    const path = join(tmpdir(), `legendo-${randomUUID()}`);
    this.fd = openSync(path, "wx+", 0o600);
    unlinkSync(path);
  }

  /** Where the next record will begin. */
  get end(): number {
    return this.written + this.filled;
  }

  /** @param record well-formed text. @throws SOURCE_UNREACHABLE when there is no room */
  append(record: string): void {
    const length = Buffer.byteLength(record);
    if (this.filled + HEAD + length > this.piece.length) this.flush();
    if (HEAD + length > this.piece.length) this.piece = Buffer.allocUnsafe(HEAD + length);
    this.piece.writeUInt32LE(length, this.filled);
    this.piece.write(record, this.filled + HEAD);
    this.filled += HEAD + length;
  }

  /** The records between two places. */
  *records(from: number, to: number): Generator<string> {
    this.flush();
    let piece = Buffer.allocUnsafe(Math.min(PIECE, to - from));
    let held = 0;
    for (let at = from; at < to;) {
      held += readSync(this.fd, piece, held, Math.min(piece.length - held, to - at - held), at + held);
      let begin = 0;
      let need = HEAD;
      while (held - begin >= HEAD) {
        need = HEAD + piece.readUInt32LE(begin);
        if (held - begin < need) break;
        yield piece.toString("utf8", begin + HEAD, begin + need);
        begin += need;
        need = HEAD;
      }
      at += begin;
      held -= begin;
      const rest = piece.subarray(begin, begin + held);
      if (need > piece.length) piece = Buffer.concat([rest], need);
      else rest.copy(piece);
    }
  }

  close(): void {
    closeSync(this.fd);
  }

  private flush(): void {
    try {
      for (let at = 0; at < this.filled;) at += writeSync(this.fd, this.piece, at, this.filled - at, this.written + at);
    } catch (error) {
      throw errors.sourceUnreachable(
        `There is no room in ${tmpdir()} to put a long listing in order: ${messageOf(error)}.`,
        undefined,
        error,
      );
    }
    this.written += this.filled;
    this.filled = 0;
  }
}
