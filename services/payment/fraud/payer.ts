import { createHmac } from "node:crypto";
import Type, { type Static } from "typebox";
import { strict } from "../../../config/action.ts";
import type { Fault } from "../../../config/errors.ts";
import { networkOf } from "../../../mixins/networks.ts";
import type { ListedKind } from "./facts.ts";

const country = (description: string) =>
  Type.Optional(Type.String({ pattern: "^[A-Z]{2}$", description: `${description}; ISO 3166-1 alpha-2.` }));

/** Who pays, as far as it is known when the payment is asked for. None of it is kept as it is. */
export const payerField = Type.Optional(
  strict({
    email: Type.Optional(Type.String({ format: "email", maxLength: 254, description: "The payer's e-mail address." })),
    country: country("Of the billing address"),
    ip: Type.Optional(Type.String({ maxLength: 45, description: "Address that the payer's browser came from, IPv4 or IPv6." })),
    ipCountry: country("Where that address is, as a proxy or a list of networks says"),
    card: Type.Optional(
      Type.String({ minLength: 1, maxLength: 255, description: "Fingerprint of the card, the same for the same card; never its number." }),
    ),
  }),
);
export type Payer = NonNullable<Static<typeof payerField>>;

export function payerFaults({ ip, card }: Payer): Fault[] {
  const faults: Fault[] = [];
  if (ip !== undefined && (ip.includes("/") || !networkOf(ip)))
    faults.push({ pointer: "/payer/ip", detail: "must be an IPv4 or IPv6 address" });
  if (card !== undefined && isCardNumber(card))
    faults.push({ pointer: "/payer/card", detail: "must be a fingerprint of the card; a card number came" });
  return faults;
}

/** 12 to 19 digits that pass Luhn's check. Such a thing shall not even reach a log. */
function isCardNumber(text: string): boolean {
  const digits = text.replace(/[ -]/g, "");
  if (!/^\d{12,19}$/.test(digits)) return false;
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

/** Who has an IPv6 address has its whole /64. */
function networkOfAddress(address: string): string {
  const single = networkOf(address) ?? address;
  return single.endsWith("/128") ? (networkOf(`${single.slice(0, -4)}/64`) ?? single) : single;
}

/** The form in which two writings of the same are the same. */
export function plainOf(kind: ListedKind, value: string): string {
  switch (kind) {
    case "email":
    case "domain":
      return value.trim().toLowerCase();
    case "ip":
      return networkOfAddress(value);
    case "country":
      return value.toUpperCase();
    case "card":
    case "user":
      return value;
  }
}

export const domainOf = (email: string) => plainOf("domain", email.slice(email.lastIndexOf("@") + 1));

/** Kinds that tell of a person: what is stored and counted of them is keyed. */
export const personal: readonly ListedKind[] = ["email", "ip", "card"];

/**
 * What stands for a value: the value itself, or for what tells of a person 128 bits keyed with the cluster's secret, another in each organisation.
 * A list of all addresses tried against them needs the secret.
 */
export function keyOf(secret: string, tenantId: string, kind: ListedKind, value: string): string {
  const plain = plainOf(kind, value);
  if (!personal.includes(kind)) return plain;
  return createHmac("sha256", secret).update(`fraud\n${tenantId}\n${kind}\n${plain}`).digest().subarray(0, 16).toString("base64url");
}
