import { errors, messageOf } from "../../../../config/errors.ts";
import { drop, header, refuseEncoded, sizeOf, validatorsOf, type Answer } from "./answer.ts";
import { backOff, type Client } from "./client.ts";
import { httpTime, type Facts } from "./facts.ts";
import { isBroken, isSilence } from "./fault.ts";
import { probe, takeWhole } from "./probe.ts";

/** Times in a row that a download goes on from where it broke without having got `PROGRESS` bytes further. */
const RESUMES = 5;
const PROGRESS = 1024 * 1024;
/** Bytes of a file from `begin` on. */
export interface Stream {
  facts: Facts;
  /** Of the answer, milliseconds. */
  date: number;
  next(): Promise<Buffer | undefined>;
  close(): void;
}

/** The bytes of a file, which come on when the connection breaks. */
export async function openStream(client: Client, url: URL, path: string, begin: number, signal: AbortSignal | undefined): Promise<Stream> {
  let received = begin;
  let answer = await get(client, url, begin, signal);
  if (answer.status === 416 && begin) {
    drop(answer);
    return ended(await probe(client, url, path, signal), begin);
  }
  const whole = checked(client, answer, path, begin);
  if (!whole) return wholeStream(client, answer, path, begin);
  const { size } = whole;
  const date = dateOf(answer);
  let body = bodyOf(answer, begin);
  let resumes = 0;
  let brokeAt = begin;

  async function resume(error: unknown): Promise<void> {
    const where = `${path} broke off at ${received} of ${size} bytes: ${messageOf(error)}`;
    if (received - brokeAt >= PROGRESS) resumes = 0;
    brokeAt = received;
    if (!whole!.etag && whole!.modifiedAt === null) {
      throw errors.sourceUnreachable(`${where}; without an ETag or a date the rest could be of another file.`, undefined, error);
    }
    // Silence counts twice: to notice it takes so long.
    resumes += isSilence(error) ? 2 : 1;
    if (resumes > RESUMES) throw errors.sourceUnreachable(`${where}.`, undefined, error);
    await backOff(resumes, signal);
    answer = await get(client, url, received, signal, header(answer, "etag"));
    const now = answer.status === 416 ? undefined : checked(client, answer, path, received);
    if (!now || !isSame(whole!, now)) {
      drop(answer);
      throw errors.sourceChanged(`${path} changed while it was read.`);
    }
    body = bodyOf(answer, received);
  }

  return {
    facts: whole,
    date,
    async next() {
      for (;;) {
        try {
          const step = await body.next();
          if (step.done) return undefined;
          received += step.value.length;
          return step.value;
        } catch (error) {
          signal?.throwIfAborted();
          if (!isBroken(error)) throw client.fault(error, answer);
          await resume(error);
        }
      }
    },
    close() {
      // One step more ends what has come to its end, which costs less than to destroy it.
      if (received === size) body.next().catch(() => {});
      else answer.body.on("error", () => {}).destroy();
    },
  };
}

/** With If-Range (which must be a strong tag) a server that has another file now sends all of it, and is found out by its tag. */
function get(client: Client, url: URL, from: number, signal: AbortSignal | undefined, etag?: string): Promise<Answer> {
  const headers = { range: `bytes=${from}-`, ...(etag?.startsWith('"') && { "if-range": etag }) };
  return client.ask({ url, signal, ...(from > 0 && { headers }) });
}

/** Facts of the answer to a GET; undefined when it does not say how long the file is. @throws when it is not what was asked for */
function checked(client: Client, answer: Answer, path: string, from: number): Facts | undefined {
  const { status } = answer;
  if (status !== 200 && (status !== 206 || !from)) throw client.refusal(answer, path);
  try {
    refuseEncoded(answer, path);
    const begins = status === 206 ? /^bytes (\d+)-/.exec(header(answer, "content-range") ?? "")?.[1] : "0";
    if (status === 206 && Number(begins) !== from) {
      throw errors.sourceUnsupported(
        `${path}: bytes from ${from} on were asked for, the server sent ${header(answer, "content-range") ?? "something else"}.`,
      );
    }
  } catch (error) {
    drop(answer);
    throw error;
  }
  const size = sizeOf(answer);
  return size === null ? undefined : { size, ...validatorsOf(answer) };
}

/** A server that knows no ranges sends all again: what has been read already is passed over. */
async function* bodyOf(answer: Answer, from: number): AsyncGenerator<Buffer, undefined> {
  let skip = answer.status === 206 ? 0 : from;
  for await (const chunk of answer.body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    if (skip < chunk.length) yield skip ? chunk.subarray(skip) : chunk;
    skip = Math.max(0, skip - chunk.length);
  }
  return undefined;
}

/** In the answer to a range some fields may be left out (RFC 9110, 15.3.7): what both have must be equal, and one validator must be in both. */
function isSame(before: Facts, now: Facts): boolean {
  if (before.size !== now.size) return false;
  const tags = before.etag && now.etag;
  const times = before.modifiedAt !== null && now.modifiedAt !== null;
  return (!tags || before.etag === now.etag) && (!times || before.modifiedAt === now.modifiedAt) && Boolean(tags || times);
}

async function wholeStream(client: Client, answer: Answer, path: string, begin: number): Promise<Stream> {
  const { facts, bytes } = await takeWhole(client, answer, path).catch((error: unknown) => {
    throw client.fault(error, answer);
  });
  let left: Buffer | undefined = begin < bytes.length ? bytes.subarray(begin) : undefined;
  const next = () => {
    const all = left;
    left = undefined;
    return Promise.resolve(all);
  };
  return { facts, date: dateOf(answer), next, close() {} };
}

/** Nothing is left of a file after `begin`. */
function ended(facts: Facts, begin: number): Stream {
  if (facts.size > begin)
    throw errors.sourceUnreachable(`The server has no bytes from ${begin} on, and says that there are ${facts.size}.`);
  return { facts, date: Date.now(), next: () => Promise.resolve(undefined), close() {} };
}

const dateOf = (answer: Answer): number => httpTime(header(answer, "date")) ?? Date.now();
