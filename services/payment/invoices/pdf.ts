import PDFDocument from "pdfkit";
import { formatAmount } from "../money.ts";
import type { BuyerParty, SellerParty } from "./content.ts";
import { fonts } from "./fonts.ts";
import type { Issued } from "./issued.ts";

const margin = 50;
const size = { title: 16, text: 9, small: 7.5 };
/** A4 in points. */
const page = { width: 595.28, height: 841.89 };
const inner = page.width - 2 * margin;
/** Left edge, width and alignment of each column. */
const columns = {
  name: { x: margin, width: 235, align: "left" },
  quantity: { x: margin + 240, width: 50, align: "right" },
  unit: { x: margin + 295, width: 75, align: "right" },
  rate: { x: margin + 375, width: 45, align: "right" },
  amount: { x: margin + 425, width: inner - 425, align: "right" },
} as const;
type Column = keyof typeof columns;
const bottom = page.height - margin - 40;

const titles = { invoice: "Invoice", credit_note: "Credit note" };

/**
 * An issued invoice as a PDF, its fonts within. The same invoice gives the same bytes: nothing in it comes from the clock or from chance.
 */
export async function pdfOf(issued: Issued): Promise<Buffer> {
  const { regular, bold } = await fonts();
  const { kind, number, seller, issuedAt } = issued;
  const title = `${titles[kind]} ${number}`;
  const info = { Title: title, Author: seller.name, CreationDate: issuedAt, ModDate: issuedAt };
  const doc = new PDFDocument({ size: "A4", margin, bufferPages: true, info, lang: "en", font: regular as unknown as string });
  const chunks: Buffer[] = [];
  const ended = new Promise<Buffer>((resolve, reject) => {
    doc.on("data", (chunk: Buffer) => chunks.push(chunk));
    doc.on("end", () => resolve(Buffer.concat(chunks)));
    doc.on("error", reject);
  });
  doc.registerFont("regular", regular).registerFont("bold", bold);
  head(doc, issued, title);
  table(doc, issued);
  totals(doc, issued);
  closing(doc, issued);
  footers(doc, `${seller.name} · ${title}`);
  doc.end();
  return await ended;
}

type Doc = InstanceType<typeof PDFDocument>;

/** What people typed may hold what a line of text does not. */
const clean = (text: string) => text.replace(/\p{Cc}+/gu, " ").toWellFormed();

const place = ({ name, street, postcode, city, country }: Pick<BuyerParty, "name" | "street" | "postcode" | "city" | "country">) =>
  [name, street, [postcode, city].filter(Boolean).join(" "), country].filter((line): line is string => Boolean(line)).map(clean);

function head(doc: Doc, { seller, buyer, issueDate, dueDate, breakdown, corrects, number, kind }: Issued, title: string): void {
  doc.font("bold").fontSize(size.text).text(place(seller).join(" · "), margin, margin, { width: inner });
  doc.font("regular").fontSize(size.small).text(sellerFacts(seller).map(clean).join(" · "), { width: inner });
  doc.moveDown(3);
  const top = doc.y;
  doc.fontSize(size.text);
  for (const line of place(buyer)) doc.text(line, margin, doc.y, { width: inner / 2 - 10 });
  if (buyer.vatId) doc.text(`VAT id ${buyer.vatId}`, { width: inner / 2 - 10 });
  const left = doc.y;
  const facts = [
    [kind === "invoice" ? "Invoice number" : "Credit note number", number],
    ["Date", issueDate],
    ["Date of supply", breakdown.date],
    dueDate && ["Due on", dueDate],
    buyer.reference && ["Your reference", clean(buyer.reference)],
    corrects && ["Corrects invoice", `${corrects.number} of ${corrects.issueDate}`],
  ].filter((fact): fact is [string, string] => Boolean(fact));
  doc.y = top;
  for (const [name, value] of facts) {
    const y = doc.y;
    doc.text(name, margin + inner / 2, y, { width: 110 }).text(value, margin + inner / 2 + 115, y, { width: inner / 2 - 115 });
  }
  doc.y = Math.max(left, doc.y) + 24;
  doc.font("bold").fontSize(size.title).text(title, margin, doc.y, { width: inner });
  doc.font("regular").fontSize(size.small);
  doc.text(`Amounts in ${breakdown.currency}; prices ${breakdown.prices === "inclusive" ? "include" : "are without"} tax.`, {
    width: inner,
  });
  doc.moveDown(1);
}

const sellerFacts = ({ vatId, taxNumber, email, phone }: SellerParty) =>
  [vatId && `VAT id ${vatId}`, taxNumber && `Tax number ${taxNumber}`, email, phone].filter((fact): fact is string => Boolean(fact));

/** Writes a row and goes below the highest of its cells, on a new page when it would not end on this one. */
function row(doc: Doc, cells: Partial<Record<Column, string>>, header?: () => void): void {
  const entries = Object.entries(cells) as [Column, string][];
  const height = Math.max(...entries.map(([column, text]) => doc.heightOfString(text, { width: columns[column].width })));
  if (doc.y + height > bottom) {
    doc.addPage();
    header?.();
  }
  const y = doc.y;
  for (const [column, text] of entries) {
    const { x, width, align } = columns[column];
    doc.text(text, x, y, { width, align });
  }
  doc.y = y + height + 4;
}

const rule = (doc: Doc) => {
  doc
    .lineWidth(0.5)
    .moveTo(margin, doc.y)
    .lineTo(margin + inner, doc.y)
    .stroke("#888888");
  doc.y += 5;
};

function table(doc: Doc, { breakdown }: Issued): void {
  const { lines, currency, discountMinor } = breakdown;
  const header = () => {
    doc.font("bold").fontSize(size.text);
    row(doc, { name: "Description", quantity: "Quantity", unit: "Price", rate: "Tax", amount: "Amount" });
    rule(doc);
    doc.font("regular");
  };
  header();
  for (const { name, sku, quantity, unitMinor, code, percent } of lines) {
    const called = clean(sku ? `${name} (${sku})` : name);
    const amount = formatAmount(unitMinor * quantity, currency);
    row(
      doc,
      { name: called, quantity: String(quantity), unit: formatAmount(unitMinor, currency), rate: rateOf(code, percent), amount },
      header,
    );
  }
  if (discountMinor) row(doc, { name: "Discount", amount: `−${formatAmount(discountMinor, currency)}` }, header);
  rule(doc);
}

const rateOf = (code: string, percent: string) => (code === "S" ? `${percent} %` : code === "Z" ? "0 %" : "–");

function totals(doc: Doc, { breakdown, prepaidMinor, kind }: Issued): void {
  const { groups, currency, netMinor, taxMinor, grossMinor } = breakdown;
  const shown = (minor: bigint) => formatAmount(minor, currency);
  const line = (name: string, amount: string) => {
    if (doc.y + 14 > bottom) doc.addPage();
    const y = doc.y;
    doc.text(name, margin + 200, y, { width: 220, align: "right" });
    doc.text(amount, columns.amount.x, y, { width: columns.amount.width, align: "right" });
    doc.y = y + 14;
  };
  doc.font("regular").fontSize(size.text);
  line("Net", shown(netMinor));
  for (const group of groups)
    line(`${group.code === "S" ? `Tax ${group.percent} %` : "No tax"} on ${shown(group.netMinor)}`, shown(group.taxMinor));
  if (groups.length > 1) line("Tax", shown(taxMinor));
  doc.font("bold");
  line(kind === "invoice" ? `Total ${currency}` : `Total given back ${currency}`, shown(grossMinor));
  if (prepaidMinor) {
    doc.font("regular");
    line("Paid", `−${shown(prepaidMinor)}`);
    doc.font("bold");
    line(`Due ${currency}`, shown(grossMinor - prepaidMinor));
  }
  doc.font("regular");
}

function closing(doc: Doc, { breakdown, seller, number, note, kind, prepaidMinor }: Issued): void {
  const reasons = breakdown.groups.flatMap(({ reason }) => (reason ? [`${reason.text}.`] : []));
  const transfer = seller.iban && kind === "invoice" && !prepaidMinor;
  const lines = [
    ...reasons,
    note && clean(note),
    transfer && `Please transfer to IBAN ${seller.iban}${seller.bic ? `, BIC ${seller.bic}` : ""}, naming ${number}.`,
  ].filter((line): line is string => Boolean(line));
  doc.moveDown(1);
  for (const line of lines) {
    if (doc.y + doc.heightOfString(line, { width: inner }) > bottom) doc.addPage();
    doc.text(line, margin, doc.y, { width: inner });
    doc.moveDown(0.5);
  }
}

function footers(doc: Doc, text: string): void {
  const { start, count } = doc.bufferedPageRange();
  for (let index = 0; index < count; index++) {
    doc.switchToPage(start + index);
    // Below the margin pdfkit would begin another page.
    doc.page.margins.bottom = 0;
    doc.font("regular").fontSize(size.small);
    doc.text(`${clean(text)} · page ${index + 1} of ${count}`, margin, page.height - margin, { width: inner, align: "center" });
  }
}
