import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Fault } from "../../../config/errors.ts";
import type { Database } from "../../../mixins/database.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import type { SellerWish } from "../seller/schema.ts";
import { writeSeller } from "../seller/seller.ts";
import type { Basket } from "./basket.ts";
import { quote } from "./quote.ts";
import { addRate, listRates, rateHistory } from "./rates.ts";
import { plantRates, readSeed } from "./seed.ts";
import { showBreakdown } from "./shown.ts";

const customer = { country: "DE", ipCountry: "DE" };
const item = { name: "Annual plan", quantity: 3, unitAmount: "33.33" };

describe("quotes", () => {
  let world: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    world = await testDatabase();
    db = await world.open("payment");
    await plantRates(db);
  });
  afterAll(() => world.drop());

  const tenantIn = async (country = "DE", more: SellerWish = {}) => {
    const tenantId = randomUUID();
    await db.tenant(tenantId, (em) => writeSeller(em, tenantId, { country, ...more }));
    return tenantId;
  };
  const quoted = (tenantId: string, basket: Partial<Basket> = {}) =>
    db.tenant(tenantId, async (em) => showBreakdown(await quote(em, tenantId, { currency: "EUR", items: [item], customer, ...basket })));
  const faults = async (asked: Promise<unknown>): Promise<Fault[]> => {
    const error = await asked.then(
      () => undefined,
      (thrown: { data?: { faults: Fault[] } }) => thrown,
    );
    if (!error?.data?.faults) throw new Error("it was not refused for its faults");
    return error.data.faults;
  };

  it("agree to the cent for 3 × 33.33 with 19 %, and tell the rate's row", async () => {
    const tenant = await tenantIn();
    const shown = await quoted(tenant);
    expect(shown).toMatchObject({ net: "99.99", tax: "19.00", gross: "118.99", prices: "exclusive", place: { sufficient: true } });
    expect(shown.groups).toEqual([{ code: "S", percent: "19", reason: null, net: "99.99", tax: "19.00", gross: "118.99" }]);
    expect(shown.lines[0]!.rate).toMatchObject({ source: (await readSeed()).source, version: 1, validFrom: "2021-01-01" });
    expect(await quoted(tenant, { prices: "inclusive" })).toMatchObject({ net: "84.03", tax: "15.96", gross: "99.99" });
  });

  it("take the rate of the day, the part of the country and the category", async () => {
    const tenant = await tenantIn();
    const percents = async (basket: Partial<Basket>) => (await quoted(tenant, basket)).lines.map(({ percent }) => percent);
    expect(await percents({ date: "2020-08-01" })).toEqual(["16"]);
    expect(await percents({ date: "2020-06-30" })).toEqual(["19"]);
    expect(await percents({ customer: { country: "ES", region: "TF" } })).toEqual(["7"]);
    expect(await percents({ customer: { country: "ES" } })).toEqual(["21"]);
    const mixed = [item, { ...item, taxCategory: "zero" }, { ...item, taxCategory: "exempt" }];
    expect((await quoted(tenant, { items: mixed })).lines.map(({ code, percent }) => `${code} ${percent}`)).toEqual(["S 19", "Z 0", "E 0"]);
  });

  it("charge nothing where the recipient is liable, by a VAT id that holds, of another member state; and say so", async () => {
    const tenant = await tenantIn();
    const french = { country: "FR", vatId: "FR40303265045" };
    const shown = await quoted(tenant, { customer: french });
    expect(shown).toMatchObject({ net: "99.99", tax: "0.00", gross: "99.99", vatId: { valid: true, notChecked: "registration" } });
    expect(shown.groups).toMatchObject([{ code: "AE", percent: "0", reason: expect.stringContaining("Reverse charge") as unknown }]);
    expect((await quoted(tenant, { customer: { ...french, vatId: "FR40303265046" } })).tax).toBe("20.00");
    expect((await quoted(tenant, { customer: { country: "US" } })).groups[0]).toMatchObject({ code: "G", tax: "0.00" });
    expect((await quoted(tenant, { customer: { country: "DE", vatId: "DE136695976" } })).tax).toBe("19.00");
  });

  it("are exact in yen and forint, which have no smaller unit", async () => {
    const tenant = await tenantIn("JP");
    const jpy = { currency: "JPY", items: [{ ...item, unitAmount: "333" }], customer: { country: "JP" } };
    expect(await quoted(tenant, jpy)).toMatchObject({ net: "999", tax: "100", gross: "1099" });
    const hungarian = await tenantIn("HU");
    const huf = { currency: "HUF", items: [{ ...item, unitAmount: "3333" }], customer: { country: "HU" } };
    expect(await quoted(hungarian, huf)).toMatchObject({ net: "9999", tax: "2700", gross: "12699" });
  });

  it("name every fault of a basket at once, with where it is", async () => {
    const tenant = await tenantIn();
    const bad = {
      items: [
        { ...item, unitAmount: "-1" },
        { ...item, unitAmount: "1.005" },
      ],
      shipping: { amount: "x" },
    };
    expect((await faults(quoted(tenant, bad))).map(({ pointer }) => pointer)).toEqual([
      "/items/0/unitAmount",
      "/items/1/unitAmount",
      "/shipping/amount",
    ]);
    expect((await faults(quoted(tenant, { currency: "XXX" }))).map(({ pointer }) => pointer)).toEqual(["/currency"]);
    expect(await faults(quoted(tenant, { discount: "100.00" }))).toMatchObject([{ pointer: "/discount" }]);
    const huge = { items: [{ ...item, unitAmount: "999999999999999.99", quantity: 9_999_999_999 }] };
    expect(await faults(quoted(tenant, huge))).toMatchObject([{ pointer: "/items", detail: expect.stringContaining("PayPal") }]);
    const nowhere = { customer: { country: "FX", ipCountry: "DD", bankCountry: "ZZ" } };
    expect((await faults(quoted(tenant, nowhere))).map(({ pointer }) => pointer)).toEqual([
      "/customer/country",
      "/customer/ipCountry",
      "/customer/bankCountry",
    ]);
    const unknown = { items: [item, { ...item, taxCategory: "books" }], shipping: { amount: "5.00", taxCategory: "post" } };
    expect((await faults(quoted(tenant, unknown))).map(({ pointer }) => pointer)).toEqual([
      "/items/1/taxCategory",
      "/shipping/taxCategory",
    ]);
    await expect(quoted(randomUUID())).rejects.toMatchObject({ type: "SELLER_INCOMPLETE" });
  });

  it("are refused without evidence of the place when the seller's settings ask for it", async () => {
    const tenant = await tenantIn("DE", { requireEvidence: true });
    expect(await faults(quoted(tenant, { customer: { country: "DE" } }))).toMatchObject([{ pointer: "/customer" }]);
    expect((await quoted(tenant)).place.sufficient).toBe(true);
  });

  it("use an organisation's own rate from its day on, and nobody else's", async () => {
    const [one, other] = [await tenantIn(), await tenantIn()];
    const set = (percent: string, validFrom: string) =>
      db.tenant(one, (em) => addRate(em, one, "user:test", { country: "DE", category: "reduced", percent, validFrom }));
    await set("7", "2024-01-01");
    const reduced = { items: [{ ...item, taxCategory: "reduced" }] };
    expect((await quoted(one, reduced)).lines[0]).toMatchObject({ percent: "7", rate: { source: "user:test", version: 1 } });
    const again = await Promise.all(Array.from({ length: 5 }, (_, index) => set(String(8 + index), "2024-01-01")));
    expect(again.map(({ version }) => version).sort()).toEqual([2, 3, 4, 5, 6]);
    expect((await quoted(one, reduced)).lines[0]!.rate!.version).toBe(6);
    expect(await faults(quoted(other, reduced))).toMatchObject([{ pointer: "/items/0/taxCategory" }]);
    const germany = (tenantId: string) => listRates(db, "secret", tenantId, { country: "DE" });
    expect((await germany(one)).data.map(({ category, own }) => [category, own])).toEqual([
      ["reduced", true],
      ["standard", false],
    ]);
    expect((await germany(other)).data).toHaveLength(1);
    expect(await db.tenant(one, (em) => rateHistory(em, "DE"))).toHaveLength(9);
  });
});

describe("the table of rates", () => {
  let world: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    world = await testDatabase();
    db = await world.open("payment");
  });
  afterAll(() => world.drop());

  it("is planted once by any number of nodes, and gets a new version where the file says something else", async () => {
    const { rates } = await readSeed();
    const planted = await Promise.all([plantRates(db), plantRates(db), plantRates(db)]);
    expect(planted.sort((a, b) => a - b)).toEqual([0, 0, rates.length]);
    await world.admin.query("alter table payment.tax_rates disable trigger all");
    await world.admin.query("update payment.tax_rates set percent = 1 where country = 'FI' and valid_from = '2024-09-01'");
    await world.admin.query("alter table payment.tax_rates enable trigger all");
    expect(await plantRates(db)).toBe(1);
    const finland = await db.tenant(randomUUID(), (em) => rateHistory(em, "FI"));
    expect(finland.map(({ percent, version }) => [percent, version])).toEqual([
      ["25.5", 2],
      ["1", 1],
      ["24", 1],
    ]);
  });

  it("can be walked page by page, each rate once", async () => {
    const tenant = randomUUID();
    const seen: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await listRates(db, "secret", tenant, { limit: 60, ...(cursor && { cursor }) });
      seen.push(...page.data.map(({ country, region }) => `${country} ${region ?? ""}`));
      if (!page.pagination.cursor) break;
      cursor = page.pagination.cursor;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBeGreaterThan(180);
  });

  it("lets nobody change a row, nor a tenant write, take or remove one of the platform's", async () => {
    await expect(world.admin.query("update payment.tax_rates set percent = 0")).rejects.toThrow("append-only");
    await expect(world.admin.query("delete from payment.tax_rates")).rejects.toThrow("append-only");
    const tenant = randomUUID();
    const changed = await db.tenant(tenant, (em) =>
      em.execute("update payment.tax_rates set tenant_id = ? where country = 'DE' returning id", [tenant]),
    );
    expect(changed).toEqual([]);
    const planting = `insert into payment.tax_rates (tenant_id, country, category, valid_from, percent, source, version)
      values ('00000000-0000-0000-0000-000000000000', 'DE', 'standard', '2026-01-01', 0, 'x', 9)`;
    await expect(db.tenant(tenant, (em) => em.execute(planting))).rejects.toThrow(/row-level security/);
  });
});
