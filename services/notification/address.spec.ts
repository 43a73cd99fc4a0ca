import type { LookupAddress } from "node:dns";
import { describe, expect, it } from "@jest/globals";
import { guardedLookup, isPublic } from "../../mixins/reach.ts";
import { errors } from "../../config/errors.ts";
import { addressFaults } from "./address.ts";

const refused = [
  "https://127.0.0.1/",
  "https://127.0.0.1./",
  "https://0x7f000001/",
  "https://2130706433/",
  "https://0177.0.0.1/",
  "https://127.1/",
  "https://0.0.0.0/",
  "https://①②⑦.0.0.1/",
  "https://%31%32%37.0.0.1/",
  "https://[::1]/",
  "https://[::]/",
  "https://[::ffff:127.0.0.1]/",
  "https://[::127.0.0.1]/",
  "https://[::ffff:0:127.0.0.1]/",
  "https://[64:ff9b::7f00:1]/",
  "https://[64:ff9b:1::7f00:1]/",
  "https://[2002:7f00:1::]/",
  "https://[2001::1]/",
  "https://[fe80::1]/",
  "https://[fc00::1]/",
  "https://[fec0::1]/",
  "https://[ff02::1]/",
  "https://10.0.0.1/",
  "https://172.16.0.1/",
  "https://192.168.1.1/",
  "https://100.64.0.1/",
  "https://169.254.169.254/latest/meta-data/",
  "https://198.18.0.1/",
  "https://192.0.2.1/",
  "https://224.0.0.1/",
  "https://240.0.0.1/",
  "https://255.255.255.255/",
  "https://localhost/",
  "https://LOCALHOST./",
  "https://vault.localhost/",
  "https://user:secret@example.com/",
  "https://user@example.com/",
  "http://example.com/",
  "ftp://example.com/",
  "file:///etc/passwd",
  "data:text/plain,hello",
  "example.com/hooks",
  "",
];

const look = (answers: LookupAddress[], all: boolean) =>
  new Promise<unknown>((resolve, reject) => {
    guardedLookup(errors.webhookAddress, (_name, _options, done) => done(null, answers))("example.com", { all }, (error, address) =>
      error ? reject(error) : resolve(address),
    );
  });

describe("the address guard", () => {
  it.each(refused)("refuses %s", (url) => {
    expect(addressFaults(url, [])).not.toEqual([]);
  });

  it.each(["https://example.com/hooks", "https://93.184.216.34/", "https://[2606:4700::1111]:8443/x", "https://example.com:444/?a=b"])(
    "lets %s pass",
    (url) => {
      expect(addressFaults(url, [])).toEqual([]);
    },
  );

  it("names every fault of a URL", () => {
    expect(addressFaults("http://me:you@[::ffff:10.0.0.1]/", [])).toEqual([
      "must be https, not http",
      "must not carry a user name or password",
      "must lead to a public address; ::ffff:a00:1 is none",
    ]);
  });

  it("lets a private place pass only when host and port are allowed, and then over http too", () => {
    const allow = ["127.0.0.1:8080", "receiver.local:443"];
    expect(addressFaults("http://127.0.0.1:8080/hooks", allow)).toEqual([]);
    expect(addressFaults("https://receiver.local/hooks", allow)).toEqual([]);
    expect(addressFaults("http://127.0.0.1:8081/hooks", allow)).toHaveLength(2);
    expect(addressFaults("http://u:p@127.0.0.1:8080/", allow)).toEqual(["must not carry a user name or password"]);
  });

  it("refuses a name when a single one of its addresses is not public, and keeps the address to itself", async () => {
    const good = { address: "93.184.216.34", family: 4 };
    for (const address of ["10.1.2.3", "::1", "::7f00:1", "::ffff:10.1.2.3", "169.254.169.254"]) {
      const answers = [good, { address, family: address.includes(":") ? 6 : 4 }];
      const refusal = look(answers, true);
      await expect(refusal).rejects.toMatchObject({ type: "WEBHOOK_ADDRESS_REFUSED" });
      await expect(refusal).rejects.not.toThrow(address);
    }
    await expect(look([], true)).rejects.toMatchObject({ type: "WEBHOOK_ADDRESS_REFUSED" });
  });

  it("hands the socket the addresses it has checked", async () => {
    const answers = [
      { address: "93.184.216.34", family: 4 },
      { address: "2606:4700::1111", family: 6 },
    ];
    await expect(look(answers, true)).resolves.toEqual(answers);
    await expect(look(answers, false)).resolves.toBe("93.184.216.34");
    expect(isPublic("8.8.8.8")).toBe(true);
  });
});
