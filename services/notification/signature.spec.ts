import { describe, expect, it } from "@jest/globals";
import { Webhook } from "standardwebhooks";
import { keyOf, makeKey, secretOf, sign, verify } from "./signature.ts";

const id = "0199f1b2-6c1e-7d53-9a2b-0d2f4d3c7a11";
const body = '{"type":"sync.job.completed","data":{"name":"Grüße ☃"}}';
const now = () => Math.floor(Date.now() / 1000);

describe("signature", () => {
  it("is accepted by the reference library, and the reference library's by us", () => {
    const key = makeKey();
    const reference = new Webhook(secretOf(key));
    expect(reference.verify(body, { ...sign([key], id, now(), body) })).toEqual(JSON.parse(body));
    const signature = reference.sign(id, new Date(now() * 1000), body);
    const headers = { "webhook-id": id, "webhook-timestamp": String(now()), "webhook-signature": signature };
    expect(() => verify([key], headers, body)).not.toThrow();
  });

  it("is the one of the specification's example", () => {
    const key = keyOf("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    const headers = sign([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, '{"test": 2432232314}');
    expect(headers["webhook-signature"]).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  });

  it("serves the old and the new secret while it is rotated", () => {
    const [old, fresh, other] = [makeKey(), makeKey(), makeKey()];
    const headers = sign([fresh, old], id, now(), body);
    for (const key of [old, fresh]) expect(() => new Webhook(secretOf(key)).verify(body, { ...headers })).not.toThrow();
    expect(() => verify([other], headers, body)).toThrow("None of the 2 v1 signatures");
    expect(() => verify([other, old], headers, body)).not.toThrow();
  });

  it("refuses another body, another id, a timestamp off by more than five minutes and a missing header", () => {
    const key = makeKey();
    const headers = sign([key], id, now(), body);
    expect(() => verify([key], headers, body + " ")).toThrow("None of the 1");
    expect(() => verify([key], { ...headers, "webhook-id": "another" }, body)).toThrow("None of the 1");
    for (const away of [-301, 301]) {
      expect(() => verify([key], headers, body, Number(headers["webhook-timestamp"]) + away)).toThrow("at most 300 s");
    }
    expect(() => verify([key], headers, body, Number(headers["webhook-timestamp"]) + 299)).not.toThrow();
    expect(() => verify([key], { ...headers, "webhook-signature": "" }, body)).toThrow("are required");
    expect(() => verify([key], { ...headers, "webhook-signature": "v1a,AAAA v1,AAAA" }, body)).toThrow("None of the 1");
  });
});
