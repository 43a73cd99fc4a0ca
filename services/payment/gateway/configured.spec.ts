import { describe, expect, it } from "@jest/globals";
import { configuredCredentials } from "./configured.ts";

const keys = { PAYPAL_CLIENT_ID: "id", PAYPAL_CLIENT_SECRET: "secret" };

describe("the configured credentials", () => {
  it("are there when both halves are", () => {
    expect(configuredCredentials({ PAYPAL_ENVIRONMENT: "sandbox" })).toBeNull();
    expect(configuredCredentials({ PAYPAL_ENVIRONMENT: "sandbox", PAYPAL_CLIENT_ID: "id" })).toBeNull();
    expect(configuredCredentials({ ...keys, PAYPAL_ENVIRONMENT: "sandbox" })).toEqual({
      clientId: "id",
      clientSecret: "secret",
      environment: "sandbox",
    });
  });

  it.each(["http://127.0.0.1:1", "https://api-m.paypal.com.evil.example", "http://api-m.paypal.com", "https://notpaypal.com"])(
    "refuses to send live credentials to %s",
    (PAYPAL_URL) => {
      expect(() => configuredCredentials({ ...keys, PAYPAL_ENVIRONMENT: "production", PAYPAL_URL })).toThrow(
        "PAYPAL_URL must be PayPal's own origin",
      );
    },
  );
});
