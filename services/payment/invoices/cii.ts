import { formatAmount, type Currency } from "../money.ts";
import type { BreakdownLine, TaxGroup } from "../tax/breakdown.ts";
import type { BuyerParty, SellerParty } from "./content.ts";
import type { Issued } from "./issued.ts";
import { document, element, optional, type Element } from "./xml.ts";

/**
 * An issued invoice as EN 16931 wants it, in the syntax of UN/CEFACT (Cross Industry Invoice D16B). BT-… are the standard's business terms; the order of the
 * elements is the schema's. Prices that hold tax are written without it, as the standard knows no others.
 */
export function ciiOf(issued: Issued): string {
  const { kind, number, issueDate, note, breakdown } = issued;
  const taxable = !breakdown.groups.some(({ code }) => code === "O");
  return document(
    element(
      "rsm:CrossIndustryInvoice",
      [
        // BT-24
        element("rsm:ExchangedDocumentContext", [
          element("ram:GuidelineSpecifiedDocumentContextParameter", [element("ram:ID", "urn:cen.eu:en16931:2017")]),
        ]),
        element("rsm:ExchangedDocument", [
          element("ram:ID", number), // BT-1
          element("ram:TypeCode", kind === "invoice" ? "380" : "381"), // BT-3
          element("ram:IssueDateTime", [day(issueDate)]), // BT-2
          note ? element("ram:IncludedNote", [element("ram:Content", note)]) : null, // BT-22
        ]),
        element("rsm:SupplyChainTradeTransaction", [
          ...breakdown.lines.map((line, index) => lineItem(line, index + 1, breakdown.currency)), // BG-25
          element("ram:ApplicableHeaderTradeAgreement", [
            optional("ram:BuyerReference", issued.buyer.reference), // BT-10
            sellerParty(issued.seller, taxable), // BG-4
            buyerParty(issued.buyer, taxable), // BG-7
          ]),
          element("ram:ApplicableHeaderTradeDelivery", [
            element("ram:ActualDeliverySupplyChainEvent", [element("ram:OccurrenceDateTime", [day(breakdown.date)])]), // BT-72
          ]),
          settlement(issued),
        ]),
      ],
      {
        "xmlns:rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
        "xmlns:ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
        "xmlns:udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
        "xmlns:qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
      },
    ),
  );
}

/** Format 102 of UNTDID 2379: CCYYMMDD. */
const day = (date: string, prefix = "udt") => element(`${prefix}:DateTimeString`, date.replaceAll("-", ""), { format: "102" });

/** UN/ECE recommendation 20: one. */
const pieces = { unitCode: "C62" };

function lineItem(
  { name, sku, quantity, listNetMinor, netMinor, code, percent }: BreakdownLine,
  number: number,
  currency: Currency,
): Element {
  // The cents of tax that are shared out anew after a discount can make a line dearer by one: then there is none to speak of.
  const allowance = listNetMinor > netMinor ? listNetMinor - netMinor : 0n;
  const price = netMinor + allowance;
  const each = price % quantity === 0n;
  return element("ram:IncludedSupplyChainTradeLineItem", [
    element("ram:AssociatedDocumentLineDocument", [element("ram:LineID", String(number))]), // BT-126
    element("ram:SpecifiedTradeProduct", [optional("ram:SellerAssignedID", sku), element("ram:Name", name)]), // BT-155, BT-153
    element("ram:SpecifiedLineTradeAgreement", [
      element("ram:NetPriceProductTradePrice", [
        element("ram:ChargeAmount", formatAmount(each ? price / quantity : price, currency)), // BT-146
        // BT-149: the price of all of them where that of one is no whole cent.
        each ? null : element("ram:BasisQuantity", String(quantity), pieces),
      ]),
    ]),
    element("ram:SpecifiedLineTradeDelivery", [element("ram:BilledQuantity", String(quantity), pieces)]), // BT-129, BT-130
    element("ram:SpecifiedLineTradeSettlement", [
      element("ram:ApplicableTradeTax", [
        element("ram:TypeCode", "VAT"),
        element("ram:CategoryCode", code), // BT-151
        code === "O" ? null : element("ram:RateApplicablePercent", percent), // BT-152
      ]),
      allowance
        ? element("ram:SpecifiedTradeAllowanceCharge", [
            element("ram:ChargeIndicator", [element("udt:Indicator", "false")]),
            element("ram:ActualAmount", formatAmount(allowance, currency)), // BT-136
            element("ram:Reason", "Discount"), // BT-139
          ])
        : null,
      element("ram:SpecifiedTradeSettlementLineMonetarySummation", [element("ram:LineTotalAmount", formatAmount(netMinor, currency))]), // BT-131
    ]),
  ]);
}

const address = ({ postcode, street, city, country }: Pick<BuyerParty, "postcode" | "street" | "city" | "country">) =>
  element("ram:PostalTradeAddress", [
    optional("ram:PostcodeCode", postcode), // BT-38, BT-53
    optional("ram:LineOne", street), // BT-35, BT-50
    optional("ram:CityName", city), // BT-37, BT-52
    element("ram:CountryID", country), // BT-40, BT-55
  ]);

const registration = (id: string | null, schemeID: "VA" | "FC") =>
  id ? element("ram:SpecifiedTaxRegistration", [element("ram:ID", id, { schemeID })]) : null;

const mailbox = (email: string | null) =>
  email ? element("ram:URIUniversalCommunication", [element("ram:URIID", email, { schemeID: "EM" })]) : null; // BT-34, BT-49

function sellerParty(seller: SellerParty, taxable: boolean): Element {
  const { name, vatId, taxNumber, email, phone } = seller;
  const named = taxable ? vatId : null;
  return element("ram:SellerTradeParty", [
    // BT-29, so that the seller can be told where there is no VAT id (BR-CO-26).
    named ? null : optional("ram:ID", taxNumber ?? vatId),
    element("ram:Name", name), // BT-27
    phone || email
      ? element("ram:DefinedTradeContact", [
          element("ram:PersonName", name), // BT-41
          phone ? element("ram:TelephoneUniversalCommunication", [element("ram:CompleteNumber", phone)]) : null, // BT-42
          email ? element("ram:EmailURIUniversalCommunication", [element("ram:URIID", email)]) : null, // BT-43
        ])
      : null,
    address(seller),
    mailbox(email),
    registration(named, "VA"), // BT-31; not with category O (BR-O-02)
    registration(taxNumber, "FC"), // BT-32
  ]);
}

const buyerParty = (buyer: BuyerParty, taxable: boolean): Element =>
  element("ram:BuyerTradeParty", [
    element("ram:Name", buyer.name), // BT-44
    address(buyer),
    mailbox(buyer.email),
    registration(taxable ? buyer.vatId : null, "VA"), // BT-48
  ]);

function settlement({ number, breakdown, seller, dueDate, prepaidMinor, corrects }: Issued): Element {
  const { currency, netMinor, taxMinor, grossMinor, groups } = breakdown;
  const shown = (minor: bigint) => formatAmount(minor, currency);
  return element("ram:ApplicableHeaderTradeSettlement", [
    element("ram:PaymentReference", number), // BT-83
    element("ram:InvoiceCurrencyCode", currency), // BT-5
    paymentMeans(seller),
    ...groups.map((group) => tradeTax(group, shown)), // BG-23
    // BT-9, or BT-20: with an amount due one of them has to be there (BR-CO-25).
    element("ram:SpecifiedTradePaymentTerms", [
      dueDate ? element("ram:DueDateDateTime", [day(dueDate)]) : element("ram:Description", "Given back to the buyer"),
    ]),
    element("ram:SpecifiedTradeSettlementHeaderMonetarySummation", [
      element("ram:LineTotalAmount", shown(netMinor)), // BT-106
      element("ram:TaxBasisTotalAmount", shown(netMinor)), // BT-109
      element("ram:TaxTotalAmount", shown(taxMinor), { currencyID: currency }), // BT-110
      element("ram:GrandTotalAmount", shown(grossMinor)), // BT-112
      prepaidMinor ? element("ram:TotalPrepaidAmount", shown(prepaidMinor)) : null, // BT-113
      element("ram:DuePayableAmount", shown(grossMinor - prepaidMinor)), // BT-115
    ]),
    corrects
      ? element("ram:InvoiceReferencedDocument", [
          element("ram:IssuerAssignedID", corrects.number), // BT-25
          element("ram:FormattedIssueDateTime", [day(corrects.issueDate, "qdt")]), // BT-26
        ])
      : null,
  ]);
}

/** UNTDID 4461: 58 is a SEPA transfer, 68 an online payment service. */
const paymentMeans = ({ iban, bic }: SellerParty): Element =>
  element(
    "ram:SpecifiedTradeSettlementPaymentMeans",
    iban
      ? [
          element("ram:TypeCode", "58"), // BT-81
          element("ram:PayeePartyCreditorFinancialAccount", [element("ram:IBANID", iban)]), // BT-84
          bic ? element("ram:PayeeSpecifiedCreditorFinancialInstitution", [element("ram:BICID", bic)]) : null, // BT-86
        ]
      : [element("ram:TypeCode", "68")],
  );

const tradeTax = ({ code, percent, netMinor, taxMinor, reason }: TaxGroup, shown: (minor: bigint) => string): Element =>
  element("ram:ApplicableTradeTax", [
    element("ram:CalculatedAmount", shown(taxMinor)), // BT-117
    element("ram:TypeCode", "VAT"),
    optional("ram:ExemptionReason", reason?.text), // BT-120
    element("ram:BasisAmount", shown(netMinor)), // BT-116
    element("ram:CategoryCode", code), // BT-118
    optional("ram:ExemptionReasonCode", reason?.code), // BT-121
    code === "O" ? null : element("ram:RateApplicablePercent", percent), // BT-119
  ]);
