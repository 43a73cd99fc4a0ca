import { describe, expect, it } from "@jest/globals";
import { base32 } from "./base32.ts";
import { hotp, keyUri, makeSecret, stepAt, stepOf } from "./totp.ts";

const ascii = (length: number) => Buffer.from("1234567890".repeat(7).slice(0, length));

describe("one-time passwords", () => {
  // RFC 6238, appendix B.
  it.each([
    [59, "94287082", "46119246", "90693936"],
    [1111111109, "07081804", "68084774", "25091201"],
    [1111111111, "14050471", "67062674", "99943326"],
    [1234567890, "89005924", "91819424", "93441116"],
    [2000000000, "69279037", "90698825", "38618901"],
    [20000000000, "65353130", "77737706", "47863826"],
  ])("are those of RFC 6238 at %i s", (seconds, sha1, sha256, sha512) => {
    const step = stepAt(seconds * 1000);
    expect(hotp(ascii(20), step, 8)).toBe(sha1);
    expect(hotp(ascii(32), step, 8, "sha256")).toBe(sha256);
    expect(hotp(ascii(64), step, 8, "sha512")).toBe(sha512);
  });

  // RFC 4226, appendix D.
  it("are those of RFC 4226", () => {
    const codes = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
    expect(codes.map((_, counter) => hotp(ascii(20), counter))).toEqual(codes);
  });

  it("are taken within a step of now, once, and no earlier one afterwards", () => {
    const secret = makeSecret();
    const now = 1_800_000_000_000;
    const step = stepAt(now);
    for (const near of [-1, 0, 1]) expect(stepOf(secret, hotp(secret, step + near), now, 0)).toBe(step + near);
    for (const far of [-2, 2]) expect(stepOf(secret, hotp(secret, step + far), now, 0)).toBeUndefined();
    expect(stepOf(secret, hotp(secret, step), now, step)).toBeUndefined();
    expect(stepOf(secret, hotp(secret, step - 1), now, step)).toBeUndefined();
    expect(stepOf(secret, hotp(secret, step + 1), now, step)).toBe(step + 1);
  });

  it.each(["", "12345", "1234567", "abcdef", "１２３４５６", " 123456"])("are not %j", (code) => {
    expect(stepOf(makeSecret(), code, Date.now(), 0)).toBeUndefined();
  });

  it("come from a secret that apps read from a URI", () => {
    // RFC 4648, 10.
    expect(["", "f", "fo", "foo", "foob", "fooba", "foobar"].map((text) => base32(Buffer.from(text)))).toEqual([
      "",
      "MY",
      "MZXQ",
      "MZXW6",
      "MZXW6YQ",
      "MZXW6YTB",
      "MZXW6YTBOI",
    ]);
    expect(keyUri(ascii(20), "LEGENDO SYNC", "ann@example.org")).toBe(
      "otpauth://totp/LEGENDO%20SYNC:ann%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=LEGENDO%20SYNC&algorithm=SHA1&digits=6&period=30",
    );
  });
});
