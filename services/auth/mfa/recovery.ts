import { createHmac, hkdfSync, randomInt } from "node:crypto";
import { row, type Em } from "../../../mixins/database.ts";

/** Codes of a set. */
const count = 10;
/** Without letters that are taken for others. */
const letters = "abcdefghjkmnpqrstuvwxyz23456789";
const groups = 3;
const groupLength = 4;

/** "k7mp-3xqa-9tbn": 59 random bits. */
const makeCode = () =>
  Array.from({ length: groups }, () => Array.from({ length: groupLength }, () => letters[randomInt(letters.length)]!).join("")).join("-");

/** What is stored of a code. The pepper comes from the cluster secret: a stolen database alone can't be searched. People may type it as they like. */
function hashOf(clusterSecret: string, userId: string, code: string): Buffer {
  const pepper = Buffer.from(hkdfSync("sha256", clusterSecret, "", "recovery code pepper", 32));
  const plain = code.toLowerCase().replace(/[^a-z0-9]/g, "");
  return createHmac("sha256", pepper).update(`${userId} ${plain}`).digest();
}

/** Gives a person a new set of codes; those of the set before work no more. @returns the codes, their only appearance in clear */
export async function makeRecoveryCodes(em: Em, clusterSecret: string, userId: string): Promise<string[]> {
  const codes = Array.from({ length: count }, makeCode);
  await removeRecoveryCodes(em, userId);
  for (const code of codes)
    await em.execute(
      `insert into auth.recovery_codes (user_id, code_hash) values (?, decode(?, 'hex'))`,
      [userId, hashOf(clusterSecret, userId, code).toString("hex")],
      "run",
    );
  return codes;
}

/** Whether there is a set, used up or not. */
export const hasRecoveryCodes = async (em: Em, userId: string): Promise<boolean> =>
  (await row(em, `select 1 from auth.recovery_codes where user_id = ? limit 1`, [userId])) !== undefined;

export const removeRecoveryCodes = (em: Em, userId: string) =>
  em.execute(`delete from auth.recovery_codes where user_id = ?`, [userId], "run");

/** Uses a code up. @returns whether it was one of the person's that had not been used */
export async function useRecoveryCode(em: Em, clusterSecret: string, userId: string, code: string): Promise<boolean> {
  const used = await row(
    em,
    `update auth.recovery_codes set used_at = now() where user_id = ? and code_hash = decode(?, 'hex') and used_at is null returning 1`,
    [userId, hashOf(clusterSecret, userId, code).toString("hex")],
  );
  return used !== undefined;
}
