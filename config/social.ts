import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";

/** Providers that people may sign in with. `google`, `microsoft` and `github` know their own addresses; `oidc` is any issuer with OpenID Connect discovery. */
export const socialKinds = ["google", "microsoft", "github", "oidc"] as const;

const Provider = Type.Object(
  {
    /** What addresses and the API name it by; stays the same for ever. */
    id: Type.String({ pattern: "^[a-z][a-z0-9-]{0,30}$" }),
    kind: Type.Enum(socialKinds),
    /** What people read. */
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 50 })),
    /** Of an oidc provider, of one organisation at Microsoft, or of a GitHub of one's own. */
    issuer: Type.Optional(Type.String({ format: "uri" })),
    clientId: Type.String({ minLength: 1 }),
    clientSecret: Type.String({ minLength: 1 }),
  },
  { additionalProperties: false },
);
export type ProviderSettings = Static<typeof Provider>;

const check = Compile(Type.Array(Provider));

/** Codes and tokens go there: in clear to this machine alone. */
function isSafe(address: string): boolean {
  const { protocol, hostname, search, hash } = new URL(address);
  const local = ["127.0.0.1", "[::1]", "localhost"].includes(hostname);
  return (protocol === "https:" || (protocol === "http:" && local)) && !search && !hash;
}

/**
 * Reads SOCIAL_PROVIDERS.
 * @returns the providers, and every fault without its value: secrets stand in there
 */
export function readProviders(text: string): { providers: ProviderSettings[]; faults: string[] } {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    return { providers: [], faults: ["must be a JSON list"] };
  }
  if (!check.Check(given)) {
    const faults = check.Errors(given).map(({ instancePath, message, keyword, params }) => {
      const missing = keyword === "required" ? `/${params.requiredProperties.join(", /")} is required` : message;
      return `${instancePath || "/"}: ${missing}`;
    });
    return { providers: [], faults: [...new Set(faults)] };
  }
  const faults = given.flatMap(({ id, kind, issuer }, index) => [
    ...(given.findIndex((other) => other.id === id) < index ? [`/${index}/id: another provider has this id`] : []),
    ...(kind === "oidc" && issuer === undefined ? [`/${index}/issuer: is required with kind oidc`] : []),
    ...(issuer !== undefined && !isSafe(issuer) ? [`/${index}/issuer: must be an https address without query`] : []),
  ]);
  return { providers: given, faults };
}
