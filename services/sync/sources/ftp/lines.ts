import { readFacts, type Kind, type Listed } from "./facts.ts";

/** A line of a listing. */
export interface Line extends Listed {
  /** Bytes as latin1. */
  name: string;
  /** Where a link leads, when the line says so. */
  target?: string;
  /** The folder itself or the one above it. */
  self: boolean;
}

/** "facts name" (RFC 3659 section 7.2). @returns undefined when it can't be read */
export function readMlsd(line: string): Line | undefined {
  const [, facts, name] = /^(\S*=\S*;) (.+)$/s.exec(line) ?? [];
  if (facts === undefined || name === undefined) return undefined;
  const found = readFacts(facts);
  return { ...found, name, self: found.self || name === "." || name === ".." };
}

/**
 * As ls -l prints it. Owner and group may hold anything but are words; the first number that a date follows is the size, so that no name, which
 * comes behind them, is taken for one.
 */
const unix =
  /^([-dlbcpsD])[-rwxsStTlL]{9}[+.@]?\s*\d+\s+(?:\S+\s+)*?(\d+)\s+(?:[^\s\d]{3,9}\.?\s+\d{1,2}|\d{1,2}\s+[^\s\d]{3,9}|\d{4}-\d\d-\d\d)\s+(?:\d{1,2}:\d\d(?::\d\d)?|\d{4}) (.+)$/s;
/** Devices have two numbers where others have their size. */
const device = /^[bc][-rwxsStTlL]{9}[+.@]?\s.*?\d+,\s*\d+\s+\S+\s+\S+\s+\S+ (.+)$/s;
/** As IIS prints it. */
const dos = /^\d\d-\d\d-(?:\d\d){1,2}\s+\d{1,2}:\d\d(?:[AP]M)?\s+(?:(<\w+>)\s+|(\d+)\s)(.+)$/s;

const unixKinds: Record<string, Kind> = { "-": "file", d: "folder", l: "link" };
const dosKinds: Record<string, Kind> = { "<DIR>": "folder" };

/** A line of LIST, for which there is no standard. Its time is too coarse to be used. @returns undefined when it can't be read */
export function readList(line: string): Line | undefined {
  const [, type, size, rest] = unix.exec(line) ?? [];
  if (type !== undefined && rest !== undefined) {
    const kind = unixKinds[type] ?? "other";
    if (kind !== "link") return { kind, name: rest, self: rest === "." || rest === "..", ...(kind === "file" && { size: Number(size) }) };
    return { kind, self: false, ...splitLink(rest, Number(size)) };
  }
  const named = device.exec(line)?.[1];
  if (named !== undefined) return { kind: "other", name: named, self: false };
  const [, mark, bytes, name] = dos.exec(line) ?? [];
  if (name === undefined) return undefined;
  // Junctions and links: what they lead to is asked for.
  const kind = mark === undefined ? "file" : (dosKinds[mark] ?? "link");
  return { kind, name, self: name === "." || name === "..", ...(bytes !== undefined && { size: Number(bytes) }) };
}

/** "name -> target", either of which may hold an arrow: a link's size is the length of its target. */
function splitLink(text: string, size: number): { name: string; target?: string } {
  const arrow = " -> ";
  const at = text.length - size - arrow.length;
  const split = at > 0 && text.startsWith(arrow, at) ? at : text.indexOf(arrow);
  return split > 0 ? { name: text.slice(0, split), target: text.slice(split + arrow.length) } : { name: text };
}
