import { describe, expect, it } from "@jest/globals";
import { Items } from "./items.ts";
import type { Item } from "./listing.ts";

describe("What a folder holds", () => {
  const item = (name: string, more: Partial<Item> = {}): Item => ({ name, kind: "file", size: 1, modified: 2, ...more });

  it("is taken in order, each name once, also where it is looked ahead", () => {
    const items = new Items();
    const refusal = new Error("of b");
    for (const each of [
      item("c/", { kind: "folder", linked: true }),
      item("b", { refusal }),
      item("\u{10000}"),
      item("\uffff"),
      item("b"),
      item("a"),
    ])
      items.add(each);
    expect(items.ahead(2).map(({ name }) => name)).toEqual(["a", "b"]);
    expect(items.take()).toEqual(item("a"));
    expect(items.take()).toMatchObject({ name: "b", refusal });
    expect(items.ahead(10)).toEqual([item("c/", { kind: "folder", linked: true }), item("\uffff"), item("\u{10000}")]);
    for (const name of ["c/", "\uffff", "\u{10000}", undefined, undefined]) expect(items.take()?.name).toBe(name);
    items.close();
  });

  it("may be more than fits into memory", () => {
    const items = new Items();
    const count = 200_000;
    for (let i = 0; i < count; i++) items.add(item(String((i * 7919) % count).padStart(6, "0"), { size: (i * 7919) % count }));
    for (let i = 0; i < count; i++) if (items.take()?.size !== i) throw new Error(`${i} came too late`);
    expect(items.take()).toBeUndefined();
  });
});
