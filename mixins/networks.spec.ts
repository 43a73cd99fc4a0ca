import { expect, test } from "@jest/globals";
import { networkOf, subscriberOf, within } from "./networks.ts";

test("a network is written in one way, whatever way it was given in", () => {
  const written = {
    "10.1.2.3/16": "10.1.0.0/16",
    "192.0.2.1": "192.0.2.1/32",
    "0.0.0.0/0": "0.0.0.0/0",
    "::ffff:192.0.2.9/120": "192.0.2.0/24",
    "2001:DB8::1/32": "2001:db8::/32",
    "::1": "::1/128",
  };
  for (const [given, expected] of Object.entries(written)) expect([given, networkOf(given)]).toEqual([given, expected]);
});

test("what is no network, or is read otherwise elsewhere, is refused", () => {
  for (const given of [
    "",
    "10.0.0.0/33",
    "10.1",
    "0x7f.1",
    "010.0.0.1",
    "1.2.3.4/8/9",
    "1.2.3.4/-1",
    "example.com",
    "::ffff:1.2.3.4/64",
    "::1/129",
    "::192.0.2.1",
    ":::",
  ])
    expect([given, networkOf(given)]).toEqual([given, undefined]);
});

test("an address is compared with networks of its kind, a mapped one as IPv4", () => {
  const networks = ["192.0.2.0/24", "2001:db8::/32"];
  for (const address of ["192.0.2.200", "::ffff:192.0.2.200", "2001:db8:ffff::1"]) expect(within(address, networks)).toBe(true);
  for (const address of ["192.0.3.1", "::ffff:192.0.3.1", "2001:db9::1", "::192.0.2.1", "", "unknown", undefined])
    expect(within(address, networks)).toBe(false);
  expect(within("192.0.2.1", [])).toBe(false);
});

test("one customer is a whole /64 of IPv6, and an IPv4 address however it is written", () => {
  const same = ["2001:db8:1:2::1", "2001:0db8:0001:0002:ffff::", "2001:db8:1:2:3:4:5:6"].map(subscriberOf);
  expect(new Set(same)).toEqual(new Set(["2001:db8:1:2"]));
  expect(subscriberOf("::ffff:192.0.2.1")).toBe("192.0.2.1");
  expect(subscriberOf("::1")).toBe("0:0:0:0");
});
