import { describe, expect, it } from "@jest/globals";
import { sharesIn } from "./shares.ts";

const second = 1_000;

describe("shares of slots", () => {
  it("are told for the tenant and the window where they are smallest and largest", () => {
    const turns = [
      { tenant: "a", from: 0, to: 6 * second },
      { tenant: "b", from: 6 * second, to: 8 * second },
      { tenant: "a", from: 8 * second, to: 20 * second },
    ];
    // In the window from 0 to 10 a had 8 s and b 2 s; from 8 on b had nothing.
    expect(sharesIn(turns, ["a", "b"], 0, 10 * second, 10 * second)).toEqual({ least: 0.4, most: 1.6, windows: 1 });
    expect(sharesIn(turns, ["a", "b"], 0, 20 * second, 10 * second)).toEqual({ least: 0, most: 2, windows: 11 });
  });

  it("count only the tenants that are named", () => {
    const turns = [
      { tenant: "a", from: 0, to: 5 * second },
      { tenant: "guest", from: 5 * second, to: 10 * second },
    ];
    expect(sharesIn(turns, ["a"], 0, 10 * second, 10 * second)).toEqual({ least: 1, most: 1, windows: 1 });
  });
});
