import { createHash, createHmac } from "node:crypto";
import type { IncomingMessage } from "node:http";

const sha256 = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Buffer, data: string) => createHmac("sha256", key).update(data).digest();
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

const keys = new Map<string, Buffer>();

/** The same for a day of requests; making it anew costs more than the rest of an answer. */
function signingKey(secret: string, day: string, region: string, service: string): Buffer {
  const scope = [secret, day, region, service].join("/");
  const key = keys.get(scope) ?? hmac(hmac(hmac(hmac(`AWS4${secret}`, day), region), service), "aws4_request");
  keys.set(scope, key);
  return key;
}

const credential = /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/([^/]+)\//;

/** The region that a request is signed for. */
export const regionOf = ({ headers }: IncomingMessage): string | undefined => credential.exec(headers.authorization ?? "")?.[1];

/** When a request was signed, by its sender's clock; milliseconds since 1970. */
export const timeOf = ({ headers }: IncomingMessage): number =>
  Date.parse(String(headers["x-amz-date"]).replace(/^(....)(..)(..T..)(..)/, "$1-$2-$3:$4:"));

/**
 * Checks an AWS Signature Version 4 in the Authorization header ("Authenticating Requests: Using the Authorization Header").
 * @param service of the signature's scope; S3 alone has the payload's hash in a header
 * @returns the S3 error code of what is wrong, or null.
 */
export function signatureFault(
  request: IncomingMessage,
  url: URL,
  body: Buffer,
  accessKeyId: string,
  secret: string,
  service = "s3",
): string | null {
  const fields =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/(\w+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? "",
    );
  if (!fields) return "AccessDenied";
  const [, id, day, region, scope, signed, signature] = fields as unknown as [string, string, string, string, string, string, string];
  if (id !== accessKeyId) return "InvalidAccessKeyId";
  if (scope !== service) return "AccessDenied";

  const time = String(request.headers["x-amz-date"]);
  const payload = service === "s3" ? String(request.headers["x-amz-content-sha256"]) : sha256(body);
  const needed = ["host", "x-amz-date", ...(service === "s3" ? ["x-amz-content-sha256"] : [])];
  if (!time.startsWith(day) || !needed.every((name) => signed.split(";").includes(name))) return "AccessDenied";
  if (payload !== "UNSIGNED-PAYLOAD" && payload !== sha256(body)) return "XAmzContentSHA256Mismatch";

  const query = [...url.searchParams].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort();
  const headers = signed.split(";").map((name) => `${name}:${String(request.headers[name]).trim().replace(/\s+/g, " ")}\n`);
  const path = url.pathname.split("/").map((part) => encode(decodeURIComponent(part)));
  const canonical = [request.method, path.join("/"), query.join("&"), headers.join(""), signed, payload].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", time, `${day}/${region}/${service}/aws4_request`, sha256(canonical)].join("\n");
  return hmac(signingKey(secret, day, region, service), toSign).toString("hex") === signature ? null : "SignatureDoesNotMatch";
}
