import { sign, type KeyObject } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { issueCertificate, type Party } from "../simulator/certificate.ts";
import { Certificates, fetchCertificate } from "./certificates.ts";
import { readTransmission, signedText, type Transmission } from "./transmission.ts";
import { certificateUrl, paypalTrust, type Trust } from "./trust.ts";
import { verifyTransmission } from "./verify.ts";

const now = Date.parse("2026-11-27T12:00:00Z");
const day = 86_400_000;
const name = "messageverificationcerts.sandbox.paypal.com";
const webhookId = "8PT597110X687430LKGECATA";
const url = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270";

const life = { from: new Date(now - 100 * day), to: new Date(now + 100 * day) };
const authority = (of: string, issuer: Party | null, isAuthority = true, when = life) =>
  issueCertificate({ name: of, issuer, isAuthority, ...when });
let root: Party, between: Party, leaf: Party;
beforeAll(() => {
  root = authority("Spec Root", null);
  between = authority("Spec Authority", root);
  leaf = authority(name, between, false);
});

const event = Buffer.from('{"id":"WH-1", "event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"amount":{"value":"1.00"},"empty":{}}}');

/** A delivery as PayPal signs it. */
function sent(of: Partial<Transmission> & { body?: Buffer; key?: KeyObject } = {}): Transmission {
  const { body = event, key = leaf.key, ...more } = of;
  const told = { id: "69cd13f0", time: "2026-11-27T11:59:58Z", signature: "", certificateUrl: url, algorithm: "SHA256withRSA", ...more };
  return { ...told, signature: more.signature ?? sign("sha256", Buffer.from(signedText(told, webhookId, body)), key).toString("base64") };
}

let requests: string[];
let bundle: () => Promise<string | null>;
let certificates: Certificates;
beforeEach(() => {
  requests = [];
  bundle = () => Promise.resolve(leaf.pem + between.pem);
  certificates = new Certificates((asked) => {
    requests.push(asked);
    return bundle();
  });
});
const trust = (): Trust => ({ ...paypalTrust("sandbox"), roots: () => Promise.resolve([root.pem]) });
const verdictOf = (transmission: Transmission, body = event, of = trust(), at = now) =>
  verifyTransmission(body, transmission, webhookId, of, certificates, () => at);

describe("a delivery that PayPal has signed", () => {
  it("is genuine", async () => {
    expect(await verdictOf(sent())).toEqual({ verdict: "genuine" });
    expect(requests).toEqual([url]);
  });

  it("is signed over the checksum as an unsigned decimal", async () => {
    const body = Buffer.from('{"id":"WH-30"}');
    expect(crc32(body)).toBeGreaterThan(2 ** 31);
    expect(signedText(sent(), webhookId, body)).toBe(`69cd13f0|2026-11-27T11:59:58Z|${webhookId}|${crc32(body)}`);
    expect(await verdictOf(sent({ body }), body)).toEqual({ verdict: "genuine" });
  });

  it.each([
    ["a body that was parsed and written again", () => verdictOf(sent(), Buffer.from(JSON.stringify(JSON.parse(event.toString()))))],
    ["one byte more", () => verdictOf(sent(), Buffer.concat([event, Buffer.from(" ")]))],
    ["another webhook's delivery", () => verifyTransmission(event, sent(), "OTHER", trust(), certificates, () => now)],
    ["another transmission id", () => verdictOf({ ...sent(), id: "other" })],
    ["another time", () => verdictOf({ ...sent(), time: "2026-11-27T11:59:59Z" })],
    ["no signature at all", () => verdictOf(sent({ signature: "" }))],
  ])("is none any more with %s", async (_what, verdict) => {
    expect(await verdict()).toEqual({ verdict: "forged", reason: "The signature does not belong to this body." });
  });

  it.each(["SHA1withRSA", "sha256withrsa", "none", "HmacSHA256"])("is refused by the algorithm %s without a request", async (algorithm) => {
    expect(await verdictOf(sent({ algorithm }))).toMatchObject({ verdict: "forged" });
    expect(requests).toEqual([]);
  });

  it("is refused once PayPal would have given up on it, and before its time", async () => {
    expect(await verdictOf(sent(), event, trust(), now + 3 * day)).toEqual({ verdict: "genuine" });
    expect(await verdictOf(sent(), event, trust(), now + 5 * day)).toMatchObject({ verdict: "forged" });
    expect(await verdictOf(sent(), event, trust(), now - 3_600_000)).toMatchObject({ verdict: "forged" });
  });
});

describe("the address of a certificate", () => {
  it.each([
    "http://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
    "https://api.paypal.com/v1/notifications/certs/CERT-1",
    "https://evil.example/v1/notifications/certs/CERT-1",
    "https://api.sandbox.paypal.com.evil.example/v1/notifications/certs/CERT-1",
    "https://evil-paypal.com/v1/notifications/certs/CERT-1",
    "https://www.paypal.com/v1/notifications/certs/CERT-1",
    "https://api.sandbox.paypal.com@evil.example/v1/notifications/certs/CERT-1",
    "https://user@api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
    "https://api.sandbox.paypal.com:8443/v1/notifications/certs/CERT-1",
    "https://api.sandbox.paypal.com./v1/notifications/certs/CERT-1",
    "https://api.sandbox.paypal.com/v1/notifications/certs/../../oauth2/CERT-1",
    "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1/../../../evil",
    "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1?next=https://evil.example",
    "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1#x",
    "https://api.sandbox.paypal.com/v1/notifications/certs/",
    "https://api.sandbox.paypal.com//evil.example/CERT-1",
    "https://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "data:text/plain,CERT-1",
    "//api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
    "nothing",
  ])("%s causes no request", async (forged) => {
    expect(certificateUrl(paypalTrust("sandbox"), forged)).toBeNull();
    const verdict = await verdictOf(sent({ certificateUrl: forged }));
    expect(verdict).toEqual({ verdict: "forged", reason: "The certificate is not at one of PayPal's addresses." });
    expect(requests).toEqual([]);
  });

  it("may be either of PayPal's hosts of the environment", () => {
    for (const host of ["api.paypal.com", "api-m.paypal.com"])
      expect(certificateUrl(paypalTrust("production"), `https://${host}:443/v1/notifications/certs/CERT-1`)).toBe(
        `https://${host}/v1/notifications/certs/CERT-1`,
      );
  });
});

describe("a certificate", () => {
  const refused: [string, () => string, RegExp][] = [
    ["of a stranger's authority of the same name", () => authority(name, authority("Spec Root", null), false).pem, /trusted/],
    ["that signed itself", () => authority(name, null, false).pem, /trusted/],
    ["for somebody else", () => authority("www.paypal.com", between, false).pem + between.pem, /is not for/],
    ["for the live PayPal", () => authority("messageverificationcerts.paypal.com", between, false).pem + between.pem, /is not for/],
    ["issued by one that is no authority", () => authority(name, leaf, false).pem + leaf.pem + between.pem, /trusted/],
    ["that is an authority's", () => authority(name, between, true).pem + between.pem, /authority's/],
    [
      "that had expired",
      () => authority(name, between, false, { from: life.from, to: new Date(now - day) }).pem + between.pem,
      /not valid/,
    ],
    ["without the authority between", () => leaf.pem, /trusted/],
    ["that is none", () => "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", /can't be read/],
    ["that is empty", () => "", /no certificate/],
  ];
  it.each(refused)("%s is refused", async (_what, pem, reason) => {
    bundle = () => Promise.resolve(pem());
    expect(await verdictOf(sent())).toEqual({ verdict: "forged", reason: expect.stringMatching(reason) });
  });

  it("of an authority that had expired when it was sent is refused", async () => {
    const old = authority("Old Authority", root, true, { from: life.from, to: new Date(now - day) });
    bundle = () => Promise.resolve(authority(name, old, false).pem + old.pem);
    expect(await verdictOf(sent())).toMatchObject({ verdict: "forged" });
  });

  it("counts below DigiCert's roots alone where PayPal itself is asked", async () => {
    const [first, ...others] = await paypalTrust("production").roots();
    expect(first).toContain("BEGIN CERTIFICATE");
    expect(others.length).toBeLessThan(20);
    expect(await verdictOf(sent(), event, paypalTrust("sandbox"))).toMatchObject({ verdict: "forged" });
  });

  it("is fetched once for twenty deliveries at once, and kept", async () => {
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => verdictOf(sent())));
    expect(verdicts).toEqual(Array(20).fill({ verdict: "genuine" }));
    await verdictOf(sent());
    expect(requests).toEqual([url]);
  });

  it("that can't be fetched leaves it undecided, and is asked for again; one that PayPal does not have is forged", async () => {
    bundle = () => Promise.reject(new Error("no route"));
    expect(await verdictOf(sent())).toEqual({ verdict: "undecided", reason: "The certificate can't be fetched: no route" });
    bundle = () => Promise.resolve(null);
    expect(await verdictOf(sent())).toMatchObject({ verdict: "forged" });
    expect(requests.length).toBe(2);
  });

  it("is not asked for without end, whatever strangers name", async () => {
    bundle = () => Promise.resolve(null);
    const named = Array.from({ length: 200 }, (_, i) => verdictOf(sent({ certificateUrl: `${url}-${i}` })));
    const verdicts = await Promise.allSettled(named);
    expect(requests.length).toBe(30);
    const tooMany = expect.objectContaining({ status: "rejected", reason: expect.objectContaining({ type: "PAYMENT_GATEWAY_THROTTLED" }) });
    expect(verdicts.slice(30)).toEqual(Array(170).fill(tooMany));
  });

  it("that PayPal signs with stays, however many strangers name that do not exist", async () => {
    let clock = 0;
    certificates = new Certificates(
      (asked) => {
        requests.push(asked);
        return Promise.resolve(asked === url ? leaf.pem + between.pem : null);
      },
      () => clock,
    );
    await verdictOf(sent());
    for (let minute = 1; minute <= 3; minute++) {
      clock = minute * 60_000;
      for (let i = 0; i < 30; i++) await verdictOf(sent({ certificateUrl: `${url}-${minute}-${i}` }));
    }
    expect(await verdictOf(sent())).toEqual({ verdict: "genuine" });
    expect(requests.filter((asked) => asked === url).length).toBe(1);
  });
});

describe("fetching a certificate", () => {
  let server: Server;
  let origin: string;
  let asked: string[];
  beforeAll(async () => {
    server = createServer((req, res) => {
      asked.push(req.url!);
      if (req.url === "/moved") res.writeHead(302, { location: "/there" }).end();
      else if (req.url === "/large") res.writeHead(200).end("x".repeat(100_000));
      else if (req.url === "/missing") res.writeHead(404).end();
      else if (req.url === "/broken") res.writeHead(500).end();
      else res.writeHead(200).end("pem");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));
  beforeEach(() => {
    asked = [];
  });

  it("follows nobody, and takes no more than it should", async () => {
    expect(await fetchCertificate(`${origin}/there`)).toBe("pem");
    expect(await fetchCertificate(`${origin}/missing`)).toBeNull();
    for (const path of ["/moved", "/large", "/broken"]) await expect(fetchCertificate(origin + path)).rejects.toThrow();
    expect(asked).toEqual(["/there", "/missing", "/moved", "/large", "/broken"]);
  });
});

describe("a delivery's headers", () => {
  const headers = {
    "paypal-transmission-id": "1",
    "paypal-transmission-time": "2026-11-27T11:59:58Z",
    "paypal-transmission-sig": "AAAA",
    "paypal-cert-url": url,
    "paypal-auth-algo": "SHA256withRSA",
  };
  it("all have to be there", () => {
    expect(readTransmission(headers)).toMatchObject({ id: "1", algorithm: "SHA256withRSA" });
    for (const name of Object.keys(headers))
      expect(readTransmission({ ...headers, [name]: undefined })).toBe(`The header ${name} is missing.`);
    expect(readTransmission({ ...headers, "paypal-transmission-time": "soon" })).toMatch(/no time/);
    expect(readTransmission({ ...headers, "paypal-cert-url": "x".repeat(3000) })).toMatch(/3000 characters/);
  });
});
