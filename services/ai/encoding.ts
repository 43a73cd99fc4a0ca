import { isUtf8 } from "node:buffer";

export type Encoding = "utf-8" | "utf-16le" | "utf-16be" | "windows-1252";

const LOOK = 64 * 1024;

/** C0 controls that no text holds; tab, line feed, form feed, carriage return and escape (terminal logs) do occur. */
const isForbidden = (byte: number) => byte < 32 && byte !== 9 && byte !== 10 && byte !== 12 && byte !== 13 && byte !== 27;

/**
 * The encoding of a text, null for binary content. Order: byte order mark, valid UTF-8, UTF-16 by its zero bytes, else a
 * one-byte encoding (read as windows-1252) when no control characters occur and letters outnumber the upper half.
 * @param whole false when `bytes` is only the head of the content, whose last character may be cut.
 */
export function encodingOf(bytes: Uint8Array, whole = true): Encoding | null {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.length % 2 === 0 || !whole ? "utf-16le" : null;
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return bytes.length % 2 === 0 || !whole ? "utf-16be" : null;
  const look = bytes.subarray(0, LOOK);
  const zeros = zeroShares(look);
  if (zeros.even + zeros.odd > 0) return utf16WithoutMark(look, zeros);
  if (look.some(isForbidden)) return null;
  if (isUtf8(whole ? bytes : cutToCharacter(bytes))) return "utf-8";
  const high = look.reduce((count, byte) => count + (byte >= 0x80 ? 1 : 0), 0);
  const undefinedInCp1252 = look.some((byte) => byte === 0x81 || byte === 0x8d || byte === 0x8f || byte === 0x90 || byte === 0x9d);
  return !undefinedInCp1252 && high / look.length < 0.3 ? "windows-1252" : null;
}

/** Share of zero bytes at even and at odd places. */
function zeroShares(bytes: Uint8Array): { even: number; odd: number } {
  const zeros = [0, 0];
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === 0) zeros[i & 1]!++;
  return { even: zeros[0]! / Math.max(1, bytes.length / 2), odd: zeros[1]! / Math.max(1, bytes.length / 2) };
}

/** Western text in UTF-16 has a zero in nearly every second byte and none in the others. */
function utf16WithoutMark(bytes: Uint8Array, zeros: { even: number; odd: number }): Encoding | null {
  const encoding = zeros.even === 0 && zeros.odd > 0.7 ? "utf-16le" : zeros.odd === 0 && zeros.even > 0.7 ? "utf-16be" : null;
  if (!encoding || bytes.length < 8) return null;
  const text = new TextDecoder(encoding).decode(bytes);
  // eslint-disable-next-line no-control-regex -- control characters are what tells binary data from text
  return /[\u0000-\u0008\u000b\u000e-\u001a\u001c-\u001f\ufffd]/.test(text.slice(0, -1)) ? null : encoding;
}

function cutToCharacter(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes.length - end < 4 && (bytes[end - 1]! & 0xc0) === 0x80) end--;
  return end > 0 && bytes[end - 1]! >= 0xc0 ? bytes.subarray(0, end - 1) : bytes;
}

/** Decodes without ever failing; a byte order mark is dropped. */
export const decode = (bytes: Uint8Array, encoding: Encoding): string => new TextDecoder(encoding).decode(bytes);
