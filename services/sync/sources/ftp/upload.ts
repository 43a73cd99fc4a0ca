import { errors, messageOf } from "../../../../config/errors.ts";
import { setTimeout as pause } from "node:timers/promises";
import type { Socket } from "node:net";
import { writeTime } from "./facts.ts";
import { isUnknown, refusedIsFine, replyOf, saysMissing } from "./faults.ts";
import { folderOf, isFile } from "./remove.ts";
import { ask, patienceOf, placeOf, transfer, type Session, type Transfer } from "./session.ts";

/** Times a folder is made again when others remove it, empty as it is, before there is a file in it. */
const VANISHES = 5;
/** How long a server may have to say why it took no more, milliseconds. */
const WHY = 3000;
/** How long it may take to store what is still under way when all has been sent, milliseconds. */
const STORING = 120_000;

/**
 * Sends a file to the server.
 * @param running from `beginPart`
 * @throws Refusal, SOURCE_UNREACHABLE, what `bytes` throws: what the server has of it then stays
 */
export async function sendPart(session: Session, running: Transfer, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const { socket } = running;
  // Servers send tickets on it: what is never read makes a break of its end.
  socket.resume();
  let broken: Error | undefined;
  try {
    for await (const piece of bytes) {
      broken = await write(session, socket, piece);
      if (broken) break;
    }
  } catch (error) {
    await running.drop();
    throw error;
  }
  if (broken) {
    // A full disk, a quota: the server says it where it can.
    await Promise.race([running.done(), pause(WHY, undefined, { ref: false })]);
    await running.drop();
    throw errors.sourceUnreachable(`The data connection to ${session.spec.host} broke: ${messageOf(broken)}.`, undefined, broken);
  }
  socket.end();
  await running.done(Math.max(patienceOf(session), STORING));
}

/** @returns why it could not be sent */
function write(session: Session, socket: Socket, piece: Uint8Array): Promise<Error | undefined> {
  const silence = patienceOf(session);
  return new Promise((resolve) => {
    const patience = setTimeout(() => socket.destroy(new Error(`nothing was taken for ${silence} ms`)), silence);
    socket.write(piece, (error) => {
      clearTimeout(patience);
      resolve(error ?? undefined);
    });
  });
}

/** Begins a file; the folders above it are made when they are missing. @throws Refusal, SOURCE_UNREACHABLE */
export async function beginPart(session: Session, part: string, signal: AbortSignal | undefined): Promise<Transfer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transfer(session, [`STOR ${placeOf(session, part)}`], signal);
    } catch (error) {
      if (![550, 553].includes(replyOf(error) ?? 0) || attempt === VANISHES) throw error;
      const { made, refusal } = await makeFolders(session, folderOf(part));
      // Others may have made them meanwhile.
      if (!made && attempt > 1) throw refusal && saysMissing(error) ? refusal : error;
    }
  }
}

/** @returns whether any was missing, and why the last of them could not be made */
async function makeFolders(session: Session, folder: string): Promise<{ made: boolean; refusal?: unknown }> {
  const names = folder ? folder.split("/") : [];
  let made = false;
  let refusal: unknown;
  for (let i = 1; i <= names.length; i++) {
    try {
      await ask(session, `MKD ${placeOf(session, names.slice(0, i).join("/"))}`);
      made = true;
    } catch (error) {
      refusedIsFine(error);
      refusal = error;
    }
  }
  return { made, refusal };
}

/** Sets a file's time where the server can; what it is then shows in its facts. @param time milliseconds since 1970 */
export async function setTime(session: Session, path: string, time: number): Promise<void> {
  const { habits, features } = session;
  // vsftpd has no MFMT, but MDTM with a time sets it.
  const command = features.has("MFMT") ? "MFMT" : "MDTM";
  if (!habits.setsTimes || time < 0) return;
  await ask(session, `${command} ${writeTime(time)} ${placeOf(session, path)}`).catch((error: unknown) => {
    habits.setsTimes = !isUnknown(replyOf(error)) && command === "MFMT";
    refusedIsFine(error);
  });
}

/** Puts a part in the place of a file, over what is there. @throws Refusal, SOURCE_ITEM_UNSUPPORTED when that is a folder */
export async function putInPlace(session: Session, part: string, path: string): Promise<void> {
  const [from, to] = [placeOf(session, part), placeOf(session, path)];
  const rename = async () => {
    await ask(session, `RNFR ${from}`);
    await ask(session, `RNTO ${to}`);
  };
  try {
    await rename();
  } catch (error) {
    if (replyOf(error) === undefined) throw error;
    if (await ask(session, `CWD ${to}`).catch(refusedIsFine))
      throw errors.sourceUnsupported(`${path} is a folder; a file can't take its place.`);
    // Some servers rename to no name that is taken: then there is a moment without the file.
    if (!(await isFile(session, path))) throw error;
    await ask(session, `DELE ${to}`);
    await rename();
  }
}
