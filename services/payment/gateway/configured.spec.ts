import { describe, expect, it } from "@jest/globals";
import { configuredConnection } from "./configured.ts";

const keys = { PAYPAL_CLIENT_ID: "id", PAYPAL_CLIENT_SECRET: "secret" };
const isSimulated = (settings: Parameters<typeof configuredConnection>[0]) => {
  const connection = configuredConnection(settings);
  connection?.close();
  return connection?.simulated ?? null;
};

describe("the configured connection", () => {
  it("is none without credentials", () => {
    expect(isSimulated({ PAYPAL_ENVIRONMENT: "sandbox" })).toBeNull();
    expect(isSimulated({ PAYPAL_ENVIRONMENT: "sandbox", PAYPAL_CLIENT_ID: "id" })).toBeNull();
  });

  it("says that it is simulated when it is not PayPal that listens", () => {
    expect(isSimulated({ ...keys, PAYPAL_ENVIRONMENT: "sandbox" })).toBe(false);
    expect(isSimulated({ ...keys, PAYPAL_ENVIRONMENT: "sandbox", PAYPAL_URL: "https://api-m.sandbox.paypal.com" })).toBe(false);
    expect(isSimulated({ ...keys, PAYPAL_ENVIRONMENT: "sandbox", PAYPAL_URL: "http://127.0.0.1:1" })).toBe(true);
  });

  it.each(["http://127.0.0.1:1", "https://api-m.paypal.com.evil.example", "http://api-m.paypal.com", "https://notpaypal.com"])(
    "refuses to send live credentials to %s",
    (PAYPAL_URL) => {
      expect(() => configuredConnection({ ...keys, PAYPAL_ENVIRONMENT: "production", PAYPAL_URL })).toThrow(
        "PAYPAL_URL must be PayPal's own origin",
      );
    },
  );
});
