import { createHmac, timingSafeEqual } from "node:crypto";
import type { Page } from "../config/action.ts";
import { errors } from "../config/errors.ts";

/**
 * Keyset pages. A cursor carries the sort values of the last row and what the list was filtered by, signed: a cursor of another tenant,
 * another filter or another order is refused instead of giving a wrong page.
 */
export interface Cursor {
  /** Sort values of the row the page starts after. */
  after: (string | number | null)[];
  back?: boolean;
}

const sign = (secret: string, text: string) => createHmac("sha256", secret).update("cursor ").update(text).digest().subarray(0, 12);

/** @param scope everything that makes two lists different: tenant, filter, sort */
export function encodeCursor(secret: string, scope: unknown, cursor: Cursor): string {
  const body = JSON.stringify(cursor);
  return Buffer.concat([sign(secret, JSON.stringify(scope) + body), Buffer.from(body)]).toString("base64url");
}

/** @throws CURSOR_INVALID when it was not made for this list */
export function decodeCursor(secret: string, scope: unknown, cursor: string | undefined): Cursor | undefined {
  if (cursor === undefined) return undefined;
  const bytes = Buffer.from(cursor, "base64url");
  const body = bytes.subarray(12).toString();
  const expected = sign(secret, JSON.stringify(scope) + body);
  if (bytes.length < 14 || !timingSafeEqual(bytes.subarray(0, 12), expected)) {
    throw errors.badCursor("The cursor was not made for this list: keep filter and sort as they were, or start without a cursor.");
  }
  return JSON.parse(body) as Cursor;
}

/** SQL that shows a timestamp as ISO 8601 in UTC, to the millisecond. */
export const isoTime = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** Makes a page of `rows`, read with limit + 1. */
export function pageOf<Row, Shown>(
  rows: Row[],
  limit: number,
  hasPrev: boolean,
  show: (row: Row) => Shown,
  cursorOf: (row: Row) => string,
): Page<Shown> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const hasNext = rows.length > limit;
  return { data: shown.map(show), pagination: { cursor: hasNext && last !== undefined ? cursorOf(last) : null, hasNext, hasPrev } };
}
