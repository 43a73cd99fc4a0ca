import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";

// config/env.ts reads the environment when it is imported: without these two it would refuse to.
process.env["CLUSTER_SECRET"] ||= "c".repeat(32);
process.env["MASTER_KEYS"] ||= `local1:${Buffer.alloc(32).toString("base64")}`;
const { list, readEnv, variables } = await import("./env.ts");

const enough = { CLUSTER_SECRET: "c".repeat(32), MASTER_KEYS: `local1:${Buffer.alloc(32).toString("base64")}` };
const messageOf = (source: Record<string, string>): string => {
  try {
    readEnv(source);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
};

describe("the environment", () => {
  it("is complete with the two secrets alone, everything else has a default or may be missing", () => {
    expect(readEnv(enough)).toMatchObject({ SERVICES: "all", PORT: 3000, VAULT_FSYNC: true, HOST: "127.0.0.1" });
  });

  it("is converted to the types that the nodes work with, and frozen", () => {
    const env = readEnv({ ...enough, PORT: "0", VAULT_FSYNC: "false", SYNC_THREADS: "4" });
    expect([env.PORT, env.VAULT_FSYNC, env.SYNC_THREADS]).toEqual([0, false, 4]);
    expect(Object.isFrozen(env)).toBe(true);
  });

  it("takes an empty value for one that is not set, as compose files write them", () => {
    expect(readEnv({ ...enough, PAYPAL_CLIENT_ID: "", LOG_LEVEL: "" })).toMatchObject({ LOG_LEVEL: "info" });
    expect(readEnv({ ...enough, PAYPAL_CLIENT_ID: "" })).not.toHaveProperty("PAYPAL_CLIENT_ID");
  });

  it("names every fault at once", () => {
    const message = messageOf({ MASTER_KEYS: "geheim", PORT: "http", SYNC_THREADS: "0", LOG_LEVEL: "loud", LEGENDO_NAMESPACE: "A B" });
    for (const name of ["CLUSTER_SECRET", "MASTER_KEYS", "PORT", "SYNC_THREADS", "LOG_LEVEL", "LEGENDO_NAMESPACE"]) {
      expect(message).toMatch(new RegExp(`^  .*${name}.*: `, "m"));
    }
    expect(message).toContain("docs/operations.md");
  });

  it("never repeats a value, which may be a secret", () => {
    expect(messageOf({ CLUSTER_SECRET: "too-short-secret", MASTER_KEYS: "old:also-secret" })).not.toMatch(/too-short-secret|also-secret/);
  });

  it("refuses a key ring with anything but ids and 32 bytes in base64", () => {
    const key = Buffer.alloc(32).toString("base64");
    for (const ring of [key, `a:${key},`, `a:${key};b:${key}`, `a:${Buffer.alloc(16).toString("base64")}`]) {
      expect(messageOf({ ...enough, MASTER_KEYS: ring })).toContain("MASTER_KEYS");
    }
    expect(messageOf({ ...enough, MASTER_KEYS: `b:${key},a:${key}` })).toBe("");
  });

  it("names what the chosen key manager lacks", () => {
    expect(messageOf({ ...enough, KEY_MANAGER: "aws-kms" })).toContain("AWS_KMS_KEY: is required with KEY_MANAGER aws-kms");
    const transit = messageOf({ ...enough, KEY_MANAGER: "vault-transit", TRANSIT_KEY: "transit/legendo" });
    expect(transit).toContain("TRANSIT_URL: is required");
    expect(transit).toContain("TRANSIT_TOKEN or TRANSIT_TOKEN_FILE: is required");
    const arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    expect(messageOf({ ...enough, KEY_MANAGER: "aws-kms", AWS_KMS_KEY: arn })).toBe("");
    expect(messageOf({ ...enough, AWS_KMS_KEY: "alias/legendo" })).toContain("AWS_KMS_KEY");
  });

  it("names every fault of the providers that people sign in with, and none of their secrets", () => {
    const of = (...providers: object[]) => messageOf({ ...enough, SOCIAL_PROVIDERS: JSON.stringify(providers) });
    const secret = { clientId: "a", clientSecret: "very-secret" };
    expect(messageOf({ ...enough, SOCIAL_PROVIDERS: "[very-secret" })).toMatch(/SOCIAL_PROVIDERS: must be a JSON list/);
    const wrong = of({ id: "Google", kind: "google", ...secret }, { id: "b", kind: "other", clientId: "", secret: "very-secret" });
    for (const fault of ["/0/id: ", "/1/kind: ", "/1/clientId: ", "/1: /clientSecret is required"])
      expect(wrong).toContain(`SOCIAL_PROVIDERS: ${fault}`);
    const odd = of(
      { id: "a", kind: "oidc", ...secret },
      { id: "a", kind: "oidc", issuer: "http://issuer.example/very-secret", ...secret },
      { id: "c", kind: "oidc", issuer: "http://127.0.0.1:8080/a", ...secret },
    );
    for (const fault of ["/0/issuer: is required", "/1/id: another", "/1/issuer: must be an https"]) expect(odd).toContain(fault);
    expect(odd).not.toContain("/2");
    for (const message of [wrong, odd]) expect(message).not.toContain("very-secret");
    expect(of({ id: "google", kind: "google", ...secret }, { id: "own", kind: "oidc", issuer: "https://id.example", ...secret })).toBe("");
  });

  it("splits lists, dropping blanks", () => {
    expect(list(" a, b,,c ")).toEqual(["a", "b", "c"]);
    expect(list("")).toEqual([]);
  });
});

interface Documented {
  description: string;
  default?: string | number | boolean;
  "~optional"?: unknown;
}

describe("docs/operations.md", () => {
  const text = readFileSync(new URL("../docs/operations.md", import.meta.url), "utf8");
  const [, section = ""] = /\n## Variables\n(.*?)\n## /s.exec(text) ?? [];
  /** The row of a variable as the document has to have it. */
  const rowOf = ([name, variable]: [string, Documented]) => {
    const required = variable.default === undefined && !("~optional" in variable);
    const usual = required ? "**required**" : `\`${variable.default ?? ""}\``;
    return `| \`${name}\` | ${usual === "``" ? "" : usual} | ${variable.description} |`;
  };

  it("has a row for every variable, with its default and what it is for, in the order of config/env.ts", () => {
    const rows = section.split("\n").filter((line) => line.startsWith("| `"));
    expect(rows).toEqual(Object.entries(variables as unknown as Record<string, Documented>).map(rowOf));
  });
});
