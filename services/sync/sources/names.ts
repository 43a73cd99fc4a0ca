/**
 * File names are bytes; paths in the catalogue are text. A name that is UTF-8 stays as it is, a byte that is not becomes %80–%FF.
 * So that every path means one name, a '%' of the name itself that would read like such an escape becomes %25:
 * "100%.txt" stays, "a%FF" becomes "a%25FF".
 */
const ESCAPE = /%(25|[89A-F][0-9A-F])/g;
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** For a name that is known to be valid UTF-8. */
export const nameOfText = (name: string): string => (name.includes("%") ? name.replace(ESCAPE, "%25$1") : name);

export function nameOfBytes(bytes: Uint8Array): string {
  try {
    return nameOfText(strict.decode(bytes));
  } catch {
    let name = "";
    let valid = 0;
    for (let at = 0; at < bytes.length;) {
      const length = sequence(bytes, at);
      if (!length) {
        name += nameOfText(strict.decode(bytes.subarray(valid, at)));
        name += `%${bytes[at]!.toString(16).toUpperCase()}`;
        valid = at + 1;
      }
      at += length || 1;
    }
    name += nameOfText(strict.decode(bytes.subarray(valid)));
    return name;
  }
}

/** The bytes a name or a path stands for. */
export function bytesOf(name: string): Buffer {
  if (!name.includes("%")) return Buffer.from(name);
  const parts: Buffer[] = [];
  let at = 0;
  for (const match of name.matchAll(ESCAPE)) {
    parts.push(Buffer.from(name.slice(at, match.index)), Buffer.from(match[1]!, "hex"));
    at = match.index + 3;
  }
  return Buffer.concat([...parts, Buffer.from(name.slice(at))]);
}

/** Length of the valid UTF-8 sequence that starts here, 0 when there is none. */
function sequence(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  const length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (!length || at + length > bytes.length) return 0;
  try {
    strict.decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}
