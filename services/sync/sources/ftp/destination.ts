import { errors } from "../../../../config/errors.ts";
import { measured } from "../measured.ts";
import { partName, refuseUnnameable } from "../part.ts";
import type { Destination, Writing } from "../source.ts";
import { clearParts } from "./clear.ts";
import { fingerprintOf, statFile } from "./facts.ts";
import { itemError, refusedIsFine } from "./faults.ts";
import { poolOf, type Pool } from "./pool.ts";
import { folderOf, removeEmpty, removeFile } from "./remove.ts";
import { ask, placeOf, type Session } from "./session.ts";
import type { FtpSpec } from "./spec.ts";
import { beginPart, putInPlace, sendPart, setTime } from "./upload.ts";

/** Destination in a folder on a server that speaks FTP. */
export function ftpDestination(spec: FtpSpec): Destination {
  const pool = poolOf(spec);
  return {
    parallel: spec.connections,

    async check(signal) {
      try {
        await pool.use(makeRoot, signal);
        await pool.use((session) => tryOut(session, signal), signal);
        await clearParts(pool, spec.connections, signal);
      } catch (error) {
        signal?.throwIfAborted();
        throw itemError(error, spec.uri, errors.sourceDenied);
      }
    },

    async write(writing, signal) {
      signal?.throwIfAborted();
      refuse(writing.path);
      try {
        return { fingerprint: await writeFile(pool, writing, signal) };
      } catch (error) {
        signal?.throwIfAborted();
        throw itemError(error, writing.path, errors.sourceDenied);
      }
    },

    async remove(path, signal) {
      signal?.throwIfAborted();
      refuse(path);
      await pool.use((session) => removeFile(session, path), signal);
    },

    close() {
      pool.close();
    },
  };
}

function refuse(path: string): void {
  refuseUnnameable(path);
  if (/[\r\n]/.test(path))
    throw errors.sourceUnsupported(`${JSON.stringify(path)} can't be the name of a file over FTP: it holds a line break.`);
}

async function writeFile(pool: Pool, writing: Writing, signal: AbortSignal | undefined): Promise<string> {
  const { path, modifiedAt } = writing;
  const folder = folderOf(path);
  const part = `${folder && `${folder}/`}${partName()}`;
  let begun = false;
  let written = false;
  try {
    const begin = (session: Session) => {
      begun = true;
      return beginPart(session, part, signal);
    };
    // The bytes can be read once: from here on what is lost with a connection is not sent again.
    const { session, result: running } = await pool.hold(begin, signal);
    const leave = () => session.control.end(signal!.reason as Error);
    signal?.addEventListener("abort", leave, { once: true });
    try {
      await sendPart(session, running, measured(writing, signal));
      if (modifiedAt !== null) await setTime(session, part, modifiedAt);
      const fingerprint = await checkPart(session, part, writing);
      await putInPlace(session, part, path);
      written = true;
      return fingerprint;
    } finally {
      signal?.removeEventListener("abort", leave);
      pool.give(session);
    }
  } finally {
    // Whatever fails here: why the writing failed is known already.
    if (begun && !written) await pool.use((session) => removeTraces(session, part)).catch(() => {});
  }
}

/** @returns the fingerprint of the part; asked for once it is in place, it could be that of another's */
async function checkPart(session: Session, part: string, { path, size }: Writing): Promise<string> {
  const facts = await statFile(session, part);
  if (facts.size === size) return fingerprintOf(facts);
  throw errors.sourceUnreachable(`${path}: ${size} bytes were sent, but the server has ${facts.size}.`);
}

async function removeTraces(session: Session, part: string): Promise<void> {
  await ask(session, `DELE ${placeOf(session, part)}`).catch(refusedIsFine);
  await removeEmpty(session, folderOf(part));
}

async function makeRoot(session: Session): Promise<void> {
  const root = placeOf(session, "");
  if (await ask(session, `CWD ${root}`).catch(refusedIsFine)) return;
  const names = root.split("/").filter(Boolean);
  for (let i = 1; i <= names.length; i++) await ask(session, `MKD /${names.slice(0, i).join("/")}`).catch(refusedIsFine);
  await ask(session, `CWD ${root}`);
}

/** @throws Refusal when nothing can be written */
async function tryOut(session: Session, signal: AbortSignal | undefined): Promise<void> {
  const part = partName();
  await sendPart(session, await beginPart(session, part, signal), nothing());
  await ask(session, `DELE ${placeOf(session, part)}`);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
