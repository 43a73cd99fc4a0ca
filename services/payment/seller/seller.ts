import { errors, type Fault } from "../../../config/errors.ts";
import { Seller, type SellerRow } from "../../../entities/Seller.ts";
import { describeAct } from "../../../mixins/act.ts";
import type { Em } from "../../../mixins/database.ts";
import { isCountry } from "../tax/countries.ts";
import { checkVatId } from "../tax/vatid.ts";
import { isIban } from "./iban.ts";
import type { SellerWish } from "./schema.ts";

/** The organisation as a seller, as it sees itself. */
export type ShownSeller = Omit<SellerRow, "tenantId" | "updatedAt"> & {
  /** What an invoice still needs; empty when invoices can be issued. */
  missing: string[];
};

export const readSeller = async (em: Em, tenantId: string): Promise<SellerRow | null> => em.findOne(Seller, { tenantId });

/** What an invoice has to say of its seller (article 226 of Directive 2006/112/EC) and is not known yet. */
export function missingOf(seller: SellerRow | null): string[] {
  const missing = (["name", "street", "postcode", "city", "country"] as const).filter((name) => !seller?.[name]);
  return seller?.vatId || seller?.taxNumber ? missing : [...missing, "vatId or taxNumber"];
}

export function showSeller(seller: SellerRow): ShownSeller {
  const { tenantId: _tenantId, updatedAt: _updatedAt, ...shown } = seller;
  return { ...shown, missing: missingOf(seller) };
}

const compact = (text: string | undefined) => text?.replace(/[\s.-]/g, "").toUpperCase();

/**
 * Says anew who the seller is: what is left out is forgotten.
 * @throws VALIDATION_FAILED for a VAT id or IBAN whose check digits do not match
 */
export async function writeSeller(em: Em, tenantId: string, wish: SellerWish): Promise<SellerRow> {
  const faults: Fault[] = [];
  const vatId = wish.vatId === undefined ? null : checkVatId(wish.vatId);
  if (vatId?.fault) faults.push({ pointer: "/vatId", detail: vatId.fault });
  for (const [pointer, country] of [
    ["/country", wish.country],
    ...(wish.registrations ?? []).map((one, at) => [`/registrations/${at}`, one] as const),
  ] as const)
    if (country !== undefined && !isCountry(country))
      faults.push({ pointer, detail: `must be a country of ISO 3166-1; "${country}" is none` });
  const iban = compact(wish.iban);
  if (iban !== undefined && !isIban(iban)) faults.push({ pointer: "/iban", detail: "must be an IBAN whose check digits match" });
  const series = { invoiceSeries: wish.invoiceSeries ?? "INV", creditSeries: wish.creditSeries ?? "CN" };
  if (series.invoiceSeries === series.creditSeries)
    faults.push({ pointer: "/creditSeries", detail: "must differ from the series of invoices" });
  if (faults.length) throw errors.invalid(faults);
  const said = {
    name: wish.name ?? null,
    street: wish.street ?? null,
    postcode: wish.postcode ?? null,
    city: wish.city ?? null,
    country: wish.country ?? null,
    vatId: vatId?.vatId ?? null,
    taxNumber: wish.taxNumber ?? null,
    email: wish.email ?? null,
    phone: wish.phone ?? null,
    iban: iban ?? null,
    bic: wish.bic ?? null,
    registrations: wish.registrations ?? [],
    homeTaxed: wish.homeTaxed ?? false,
    requireEvidence: wish.requireEvidence ?? false,
    prices: wish.prices ?? "exclusive",
    roundingScope: wish.roundingScope ?? "total",
    roundingMode: wish.roundingMode ?? "half-up",
    ...series,
    dueDays: wish.dueDays ?? 14,
    invoiceOnCapture: wish.invoiceOnCapture ?? false,
    mailOnIssue: wish.mailOnIssue ?? false,
    updatedAt: new Date(),
  } as const;
  const before: Partial<SellerRow> = (await readSeller(em, tenantId)) ?? {};
  const differs = (name: keyof typeof said) => name !== "updatedAt" && JSON.stringify(said[name]) !== JSON.stringify(before[name] ?? null);
  describeAct({
    object: `seller:${tenantId}`,
    details: { changed: (Object.keys(said) as (keyof typeof said)[]).filter(differs).join(" ") },
  });
  return await em.upsert(Seller, { tenantId, ...said, registrations: [...said.registrations] });
}
