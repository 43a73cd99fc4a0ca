import type { Fault } from "../../../../config/errors.ts";

interface Credentials {
  username?: string;
  password?: string;
  bearerToken?: string;
  headers?: Record<string, string>;
}

const isText = (value: string) => /^[\t\x20-\x7e]*$/.test(value);

/** What a name and a password, or a token, come to. */
export function authorization({ username, password, bearerToken, headers }: Credentials, faults: Fault[]): Record<string, string> {
  const own = Object.keys(headers ?? {}).some((name) => name.toLowerCase() === "authorization");
  const ways = [username !== undefined || password !== undefined, bearerToken !== undefined, own].filter(Boolean).length;
  if (ways > 1)
    faults.push({ pointer: "/http", detail: "must have one of username and password, bearerToken, and a header Authorization" });
  if ((username === undefined) !== (password === undefined)) {
    const pointer = username === undefined ? "/http/username" : "/http/password";
    faults.push({ pointer, detail: "must be given together with the other half of the credentials" });
  }
  // RFC 7617: what comes before the first colon is the name.
  if (username?.includes(":")) faults.push({ pointer: "/http/username", detail: "must not hold a colon" });
  if (bearerToken !== undefined && !/^[\x21-\x7e]+$/.test(bearerToken)) {
    faults.push({ pointer: "/http/bearerToken", detail: "must be visible ASCII characters" });
  }
  if (username !== undefined) return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
  return bearerToken === undefined ? {} : { authorization: `Bearer ${bearerToken}` };
}

/** What a connector that reads ranges and follows redirects has to say itself, and what belongs to the connection. */
const ours =
  /^(host|content-.*|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|range|if-.*|accept-encoding|proxy-.*|depth|destination|http2-settings)$/;

export function headersOf(given: Record<string, string>, faults: Fault[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    const pointer = `/http/headers/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const lower = name.toLowerCase();
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]{1,64}$/.test(lower)) faults.push({ pointer, detail: "is not the name of a header field" });
    else if (ours.test(lower)) faults.push({ pointer, detail: "is a header field that can't be set" });
    else if (!isText(value)) faults.push({ pointer, detail: "must be printable ASCII" });
    else if (headers[lower] !== undefined) faults.push({ pointer, detail: "is given twice" });
    else headers[lower] = value.trim();
  }
  return headers;
}
