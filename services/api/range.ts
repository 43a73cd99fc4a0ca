import type { Range } from "../../mixins/vault/ticket.ts";

/**
 * The part that a Range header asks for (RFC 9110, 14.2).
 * @param size of the whole, in bytes
 * @returns the range (`end` exclusive); "whole" for no, several or unreadable ranges, which a server may ignore; "unsatisfiable" when nothing of it exists
 */
export function rangeOf(header: string | undefined, size: number): Range | "whole" | "unsatisfiable" {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/i.exec(header?.replaceAll(" ", "") ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return "whole";
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length ? { start: size - length, end: size } : "unsatisfiable";
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return "whole";
  return start < size ? { start, end: last === "" ? size : Math.min(Number(last) + 1, size) } : "unsatisfiable";
}
