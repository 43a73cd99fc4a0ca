import { expect, test } from "@jest/globals";
import { clientAddress, networksOf } from "./client.ts";

const trusted = networksOf(["10.0.0.0/8", "::1"]);

test("a client without a trusted proxy is who is at the other end, whatever it says", () => {
  expect(clientAddress("203.0.113.1", "192.0.2.1", trusted)).toBe("203.0.113.1");
  expect(clientAddress("203.0.113.1", "192.0.2.1", [])).toBe("203.0.113.1");
  expect(clientAddress("10.0.0.1", undefined, trusted)).toBe("10.0.0.1");
});

test("behind trusted proxies it is the last address that is not one of theirs", () => {
  expect(clientAddress("10.0.0.1", "192.0.2.1", trusted)).toBe("192.0.2.1");
  expect(clientAddress("::ffff:10.0.0.1", "1.1.1.1, 192.0.2.1, 10.2.0.1", trusted)).toBe("192.0.2.1");
  expect(clientAddress("::1", "10.2.0.1", trusted)).toBe("10.2.0.1");
});

test("what a trusted proxy writes instead of an address leaves the client unknown", () => {
  for (const forwarded of ["unknown", "192.0.2.1, _hidden", "192.0.2.1:443", ""])
    expect(clientAddress("10.0.0.1", forwarded, trusted)).toBeUndefined();
});

test("a slip in the list of proxies keeps the edge from starting", () => {
  expect(() => networksOf(["10.0.0.0/8", "10.0.0"])).toThrow("TRUSTED_PROXIES names 10.0.0;");
});
