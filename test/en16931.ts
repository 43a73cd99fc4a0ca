import { parseDocument } from "htmlparser2";

/**
 * Checks an invoice in CII syntax against rules of EN 16931, reading nothing but the XML: what has to be there, the arithmetic of its totals, and the order
 * that the schema gives to elements. Independent of what writes it.
 */
interface Node {
  name: string;
  attributes: Record<string, string>;
  children: Node[];
  text: string;
}

type Parsed = ReturnType<typeof parseDocument>["children"][number];

const nodeOf = (parsed: Parsed): Node | null => {
  if (!("attribs" in parsed)) return null;
  const { name, attribs, children } = parsed;
  const text = children.map((child) => ("data" in child ? child.data : "")).join("");
  return { name, attributes: attribs, text, children: children.map(nodeOf).filter((child) => child !== null) };
};

/** All descendants along a path of local names. */
function all(node: Node, path: string): Node[] {
  return path
    .split("/")
    .reduce((found, step) => found.flatMap(({ children }) => children.filter(({ name }) => name.endsWith(`:${step}`))), [node]);
}
const text = (node: Node, path: string): string | undefined => all(node, path)[0]?.text;

/** Decimals as integers of a millionth: exact for all that such a document holds. */
const million = 1_000_000n;
function decimal(value: string | undefined): bigint {
  const match = /^(-?)(\d+)(?:\.(\d{1,6}))?$/.exec(value ?? "0");
  if (!match) throw new Error(`${value} is no decimal`);
  const [, sign, whole = "", fraction = ""] = match;
  const size = BigInt(whole) * million + BigInt(fraction.padEnd(6, "0"));
  return sign ? -size : size;
}
const sum = (values: (string | undefined)[]) => values.reduce((total, value) => total + decimal(value), 0n);
const cent = million / 100n;
const toCents = (value: bigint) => ((value + cent / 2n) / cent) * cent;

/** Children of an element in the order of the schema. */
const order: Record<string, string[]> = {
  "rsm:CrossIndustryInvoice": ["ExchangedDocumentContext", "ExchangedDocument", "SupplyChainTradeTransaction"],
  "rsm:ExchangedDocument": ["ID", "TypeCode", "IssueDateTime", "IncludedNote"],
  "rsm:SupplyChainTradeTransaction": [
    "IncludedSupplyChainTradeLineItem",
    "ApplicableHeaderTradeAgreement",
    "ApplicableHeaderTradeDelivery",
    "ApplicableHeaderTradeSettlement",
  ],
  "ram:SellerTradeParty": [
    "ID",
    "Name",
    "DefinedTradeContact",
    "PostalTradeAddress",
    "URIUniversalCommunication",
    "SpecifiedTaxRegistration",
  ],
  "ram:BuyerTradeParty": ["ID", "Name", "PostalTradeAddress", "URIUniversalCommunication", "SpecifiedTaxRegistration"],
  "ram:PostalTradeAddress": ["PostcodeCode", "LineOne", "CityName", "CountryID"],
  "ram:ApplicableHeaderTradeSettlement": [
    "PaymentReference",
    "InvoiceCurrencyCode",
    "SpecifiedTradeSettlementPaymentMeans",
    "ApplicableTradeTax",
    "SpecifiedTradePaymentTerms",
    "SpecifiedTradeSettlementHeaderMonetarySummation",
    "InvoiceReferencedDocument",
  ],
  "ram:ApplicableTradeTax": [
    "CalculatedAmount",
    "TypeCode",
    "ExemptionReason",
    "BasisAmount",
    "CategoryCode",
    "ExemptionReasonCode",
    "RateApplicablePercent",
  ],
  "ram:SpecifiedTradeSettlementHeaderMonetarySummation": [
    "LineTotalAmount",
    "ChargeTotalAmount",
    "AllowanceTotalAmount",
    "TaxBasisTotalAmount",
    "TaxTotalAmount",
    "RoundingAmount",
    "GrandTotalAmount",
    "TotalPrepaidAmount",
    "DuePayableAmount",
  ],
};

function disordered(node: Node): string[] {
  const known = order[node.name];
  const places = known ? node.children.map(({ name }) => known.indexOf(name.split(":")[1]!)) : [];
  const wrong = places.some((place, index) => place < 0 || place < (places[index - 1] ?? 0));
  return [
    ...(wrong ? [`order of ${node.name}: ${node.children.map(({ name }) => name).join(", ")}`] : []),
    ...(node.children.length === 0 && node.text.trim() === "" ? [`${node.name} is empty`] : []),
    ...node.children.flatMap(disordered),
  ];
}

/** By how much the tax of a rate may differ from what BR-CO-17 reckons. */
export const exact = 0n;
/**
 * As the official validation has it: less than one whole unit. Prices that hold tax have no tax that is exact from both sides: 3 × 33.33 are 84.03 and
 * 15.96, but 19 % of 84.03 are 15.97.
 */
export const official = million - 1n;
export const units = (count: number) => BigInt(count) * million;

/** The rules that a document breaks. */
export function violations(xml: string, tolerance: bigint): string[] {
  const root = parseDocument(xml, { xmlMode: true, decodeEntities: true })
    .children.map(nodeOf)
    .find((node) => node?.name === "rsm:CrossIndustryInvoice");
  if (!root) return ["no CrossIndustryInvoice"];
  const broken = disordered(root);
  const rule = (name: string, holds: boolean) => void (holds || broken.push(name));
  const transaction = all(root, "SupplyChainTradeTransaction")[0]!;
  const agreement = all(transaction, "ApplicableHeaderTradeAgreement")[0]!;
  const settlement = all(transaction, "ApplicableHeaderTradeSettlement")[0]!;
  const totals = all(settlement, "SpecifiedTradeSettlementHeaderMonetarySummation")[0]!;
  const lines = all(transaction, "IncludedSupplyChainTradeLineItem");
  const groups = all(settlement, "ApplicableTradeTax");

  rule("BR-01", text(root, "ExchangedDocumentContext/GuidelineSpecifiedDocumentContextParameter/ID") === "urn:cen.eu:en16931:2017");
  rule("BR-02", Boolean(text(root, "ExchangedDocument/ID")));
  rule("BR-03", /^\d{8}$/.test(text(root, "ExchangedDocument/IssueDateTime/DateTimeString") ?? ""));
  rule("BR-04", ["380", "381"].includes(text(root, "ExchangedDocument/TypeCode") ?? ""));
  rule("BR-05", /^[A-Z]{3}$/.test(text(settlement, "InvoiceCurrencyCode") ?? ""));
  rule("BR-06", Boolean(text(agreement, "SellerTradeParty/Name")));
  rule("BR-07", Boolean(text(agreement, "BuyerTradeParty/Name")));
  rule("BR-09", Boolean(text(agreement, "SellerTradeParty/PostalTradeAddress/CountryID")));
  rule("BR-11", Boolean(text(agreement, "BuyerTradeParty/PostalTradeAddress/CountryID")));
  rule("BR-16", lines.length > 0);
  rule("BR-CO-18", groups.length > 0);
  for (const name of ["LineTotalAmount", "TaxBasisTotalAmount", "GrandTotalAmount", "DuePayableAmount"])
    rule(`BR-12..15 ${name}`, Boolean(text(totals, name)));
  rule("BR-53", all(totals, "TaxTotalAmount")[0]?.attributes["currencyID"] === text(settlement, "InvoiceCurrencyCode"));

  const netOf = (line: Node) => text(line, "SpecifiedLineTradeSettlement/SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount");
  const taxOf = (line: Node) => all(line, "SpecifiedLineTradeSettlement/ApplicableTradeTax")[0]!;
  const keyOf = (tax: Node) => `${text(tax, "CategoryCode")} ${text(tax, "RateApplicablePercent")}`;
  for (const line of lines) {
    const id = text(line, "AssociatedDocumentLineDocument/LineID");
    const quantity = all(line, "SpecifiedLineTradeDelivery/BilledQuantity")[0];
    const price = text(line, "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/ChargeAmount");
    const per = text(line, "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/BasisQuantity") ?? "1";
    const off = text(line, "SpecifiedLineTradeSettlement/SpecifiedTradeAllowanceCharge/ActualAmount");
    rule("BR-21", Boolean(id));
    rule(`BR-22, BR-23 of line ${id}`, Boolean(quantity?.text) && Boolean(quantity?.attributes["unitCode"]));
    rule(`BR-25 of line ${id}`, Boolean(text(line, "SpecifiedTradeProduct/Name")));
    rule(`BR-26, BR-27 of line ${id}`, decimal(price) >= 0n && price !== undefined);
    rule(`BR-CO-04 of line ${id}`, Boolean(text(taxOf(line), "CategoryCode")));
    const reckoned = (decimal(quantity?.text) * decimal(price)) / decimal(per) - decimal(off);
    rule(`net amount of line ${id}`, reckoned === decimal(netOf(line)));
  }

  const total = (name: string) => decimal(text(totals, name));
  rule("BR-CO-10", total("LineTotalAmount") === sum(lines.map(netOf)));
  rule(
    "BR-CO-11, BR-CO-12",
    all(settlement, "SpecifiedTradeAllowanceCharge").length === 0 &&
      !text(totals, "AllowanceTotalAmount") &&
      !text(totals, "ChargeTotalAmount"),
  );
  rule("BR-CO-13", total("TaxBasisTotalAmount") === total("LineTotalAmount") - total("AllowanceTotalAmount") + total("ChargeTotalAmount"));
  rule("BR-CO-14", total("TaxTotalAmount") === sum(groups.map((group) => text(group, "CalculatedAmount"))));
  rule("BR-CO-15", total("GrandTotalAmount") === total("TaxBasisTotalAmount") + total("TaxTotalAmount"));
  rule("BR-CO-16", total("DuePayableAmount") === total("GrandTotalAmount") - total("TotalPrepaidAmount") + total("RoundingAmount"));
  const terms = all(settlement, "SpecifiedTradePaymentTerms")[0];
  rule("BR-CO-25", total("DuePayableAmount") <= 0n || (terms?.children.length ?? 0) > 0);

  for (const group of groups) {
    const key = keyOf(group);
    const code = text(group, "CategoryCode")!;
    const percent = text(group, "RateApplicablePercent");
    const [basis, tax] = [decimal(text(group, "BasisAmount")), decimal(text(group, "CalculatedAmount"))];
    rule(`BR-45..47 of ${key}`, Boolean(text(group, "BasisAmount") && text(group, "CalculatedAmount") && code));
    rule(`BR-48 of ${key}`, (percent === undefined) === (code === "O"));
    rule(`BR-S-08 and its like of ${key}`, basis === sum(lines.filter((line) => keyOf(taxOf(line)) === key).map(netOf)));
    const reckoned = toCents((basis * decimal(percent)) / (100n * million));
    const off = tax > reckoned ? tax - reckoned : reckoned - tax;
    rule(`BR-CO-17 of ${key}: ${tax} is not ${reckoned}`, off <= tolerance);
    rule(`BR-AE-09 and its like of ${key}`, code === "S" || tax === 0n);
    rule(`BR-S-05 of ${key}`, code !== "S" || decimal(percent) > 0n);
    rule(`BR-AE-10, BR-S-10 and their like of ${key}`, ["AE", "E", "G", "O"].includes(code) === Boolean(text(group, "ExemptionReason")));
  }
  rule("one breakdown for each code and rate", new Set(groups.map(keyOf)).size === groups.length);

  const codes = groups.map((group) => text(group, "CategoryCode")!);
  const registered = (party: string, scheme: string) =>
    all(agreement, `${party}/SpecifiedTaxRegistration/ID`).find(({ attributes }) => attributes["schemeID"] === scheme)?.text;
  const [seller, buyer] = [registered("SellerTradeParty", "VA"), registered("BuyerTradeParty", "VA")];
  rule(
    "BR-S-02 and its like",
    !codes.some((code) => ["S", "Z", "E", "AE"].includes(code)) || Boolean(seller ?? registered("SellerTradeParty", "FC")),
  );
  rule("BR-AE-02", !codes.includes("AE") || Boolean(seller && buyer));
  rule("BR-G-02", !codes.includes("G") || Boolean(seller));
  rule("BR-O-02", !codes.includes("O") || (!seller && !buyer));
  rule(
    "BR-CO-09",
    [seller, buyer].every((id) => id === undefined || /^[A-Z]{2}/.test(id)),
  );
  rule("BR-CO-26", Boolean(seller ?? text(agreement, "SellerTradeParty/ID")));
  for (const amount of [...xml.matchAll(/<ram:\w*Amount[^>]*>([^<]*)</g)])
    rule(`BR-DEC ${amount[1]}`, /^-?\d+(\.\d{1,2})?$/.test(amount[1]!));
  return broken;
}
