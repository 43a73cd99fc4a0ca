import { describe, expect, it } from "@jest/globals";
import { bucketFault, bucketRegion, bucketSays } from "./bucket.ts";

const failure = (more: object) => Object.assign(new Error("words"), more);
const answered = (status: number, name = "Unknown") => failure({ name, $metadata: { httpStatusCode: status } });

describe("A failure of S3", () => {
  it.each([
    ["missing", answered(404, "NoSuchKey")],
    ["missing", answered(404)],
    ["noBucket", answered(404, "NoSuchBucket")],
    ["denied", answered(403)],
    ["denied", answered(403, "SignatureDoesNotMatch")],
    ["expired", answered(400, "ExpiredToken")],
    ["untrusted", failure({ code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" })],
    ["untrusted", failure({ code: "CERT_HAS_EXPIRED" })],
    ["untrusted", failure({ code: "ERR_TLS_CERT_ALTNAME_INVALID" })],
    ["changed", answered(412)],
    ["archived", answered(403, "InvalidObjectState")],
    ["unsupported", answered(400, "KeyTooLongError")],
    ["full", answered(507)],
    ["full", answered(403, "QuotaExceeded")],
    ["unreachable", answered(503, "SlowDown")],
    ["unreachable", failure({ code: "ECONNRESET" })],
    ["unreachable", new Error("who knows")],
  ])("is understood: %s", (fault, error) => {
    expect(bucketFault(error)).toBe(fault);
  });

  it("is told in the server's words, without advice for programmers", () => {
    expect(bucketSays(answered(403, "AccessDenied"))).toBe("AccessDenied (403): words");
    const silent = new Error("@smithy/node-http-handler - the request socket timed out");
    expect(bucketSays(silent)).toBe("Error: the request socket timed out");
    const untrusted = new Error("unable to verify the first certificate; if the root CA is installed locally, try running it otherwise");
    expect(bucketSays(untrusted)).toBe("Error: unable to verify the first certificate");
  });

  it("names the right region, if that can be one", () => {
    const elsewhere = (region: string) => failure({ $response: { headers: { "x-amz-bucket-region": region } } });
    expect(bucketRegion(elsewhere("eu-west-3"))).toBe("eu-west-3");
    expect(bucketRegion(failure({ Region: "eu-west-3" }))).toBe("eu-west-3");
    for (const odd of ["evil.example.com/", "x@y", "", "r".repeat(41)]) expect(bucketRegion(elsewhere(odd))).toBeUndefined();
    expect(bucketRegion(new Error("other"))).toBeUndefined();
  });
});
