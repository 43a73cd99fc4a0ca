import Type, { type Static } from "typebox";
import { errors } from "../../../config/errors.ts";

const text = (maxLength: number, description: string) => Type.String({ minLength: 1, maxLength, description });
const transports = Type.Optional(Type.Array(Type.String({ maxLength: 32 }), { maxItems: 10, description: "How it can be reached." }));
/** Browsers may say more than we read: RegistrationResponseJSON and AuthenticationResponseJSON of WebAuthn level 3. */
const credential = {
  id: text(1400, "Base64url."),
  rawId: text(1400, "Base64url."),
  type: Type.Literal("public-key"),
  clientExtensionResults: Type.Object({}, { description: "What extensions say." }),
  authenticatorAttachment: Type.Optional(Type.Enum(["platform", "cross-platform"], { description: "Where it is." })),
};

export const registrationField = Type.Object(
  {
    ...credential,
    response: Type.Object({ clientDataJSON: text(8192, "Base64url."), attestationObject: text(65_536, "Base64url."), transports }),
  },
  { description: "What navigator.credentials.create() gave, as toJSON() says it." },
);

export const assertionField = Type.Object(
  {
    ...credential,
    response: Type.Object({
      clientDataJSON: text(8192, "Base64url."),
      authenticatorData: text(8192, "Base64url."),
      signature: text(8192, "Base64url."),
      userHandle: Type.Optional(text(128, "Base64url.")),
    }),
  },
  { description: "What navigator.credentials.get() gave, as toJSON() says it." },
);

export const tokenField = Type.String({ minLength: 1, maxLength: 128, description: "The token of the request that this one ends." });
export const codeField = Type.String({ pattern: "^\\d{6}$", description: "What the authenticator app shows." });

/** One of these. */
export const proofFields = {
  code: Type.Optional(codeField),
  recoveryCode: Type.Optional(Type.String({ minLength: 1, maxLength: 32, description: "One of the recovery codes." })),
  passkey: Type.Optional(assertionField),
};
export type Proof = { code?: string; recoveryCode?: string; passkey?: Static<typeof assertionField> };

/** @throws VALIDATION_FAILED unless exactly one of the names is given */
export function oneOf<T extends object>(params: T, names: (keyof T & string)[]): void {
  if (names.filter((name) => params[name] !== undefined).length !== 1)
    throw errors.invalid([{ pointer: `/${names[0]}`, detail: `must be given, or one of ${names.slice(1).join(", ")}: one of them` }]);
}
