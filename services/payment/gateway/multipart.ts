import { randomBytes } from "node:crypto";
import type { FilePart } from "./connection.ts";

/** JSON and files as one body, RFC 7578; its type names the boundary, which a Blob writes in lower case. */
export function multipart(input: unknown, files: readonly FilePart[]): Blob {
  const boundary = `part-${randomBytes(24).toString("hex")}`;
  const part = (head: string, mediaType: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\nContent-Type: ${mediaType}\r\n\r\n`;
  const pieces: (string | Uint8Array<ArrayBuffer>)[] = [part('name="input"', "application/json"), JSON.stringify(input), "\r\n"];
  files.forEach(({ name, mediaType, bytes }, index) =>
    pieces.push(part(`name="file${index + 1}"; filename="${name}"`, mediaType), new Uint8Array(bytes), "\r\n"),
  );
  return new Blob([...pieces, `--${boundary}--\r\n`], { type: `multipart/form-data; boundary=${boundary}` });
}
