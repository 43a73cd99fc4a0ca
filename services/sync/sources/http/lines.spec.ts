import { describe, expect, it } from "@jest/globals";
import { namedIn } from "./lines.ts";

const sum = "ab".repeat(32);
const read = (text: string | Buffer) => namedIn(Buffer.from(text));

describe("A manifest", () => {
  it("may be JSON: an array of objects or texts, or an object that has one as its files", () => {
    const files = [
      { path: "./a b/ä%FF.jpg", size: 3, modifiedAt: "2024-02-03T04:05:06Z", sha256: sum.toUpperCase(), more: "is passed over" },
      { url: "https://example.com/c?d", size: null, modifiedAt: 1000 },
      "e/f#g",
      "HTTP://example.com/h",
    ];
    const named = [
      { path: "a b/ä%25FF.jpg", size: 3, modifiedAt: Date.parse("2024-02-03T04:05:06Z"), sha256: sum },
      { url: "https://example.com/c?d", modifiedAt: 1000 },
      { path: "e/f#g" },
      { url: "HTTP://example.com/h" },
    ];
    expect(read(JSON.stringify(files))).toEqual(named);
    expect(read(`\ufeff\n${JSON.stringify({ made: "today", files })}`)).toEqual(named);
    expect(read("[]")).toEqual([]);
  });

  it("may be what sha256sum prints", () => {
    const lines = `${sum}  a b/c\r\n${sum} *./d\n\\${sum}  back\\\\slash\\nline\nSHA256 (e (f) = g) = ${sum}\n`;
    expect(read(lines)).toEqual(["a b/c", "d", "back\\slash\nline", "e (f) = g"].map((path) => ({ path, sha256: sum })));
  });

  it("may be a URL or a path on each line", () => {
    expect(read("# all\n\na/b c.txt\nhttps://example.com/x%20y\r\n\n./# d")).toEqual([
      { path: "a/b c.txt" },
      { url: "https://example.com/x%20y" },
      { path: "# d" },
    ]);
    expect(read("")).toEqual([]);
  });

  it("may have names that are not UTF-8", () => {
    const odd = Buffer.concat([Buffer.from(`${sum}  a`), Buffer.from([0xff]), Buffer.from("\nb\n")]);
    expect(namedIn(odd)).toEqual([{ path: "a%FF", sha256: sum }, { path: "b" }]);
  });

  it.each([
    ["{", "no JSON"],
    ['{"a": 1}', "an array was expected"],
    ["[1]", "entry 1 is 1"],
    ["[null]", "entry 1 is null"],
    ['["a", {}]', "entry 2 has neither path nor url"],
    ['[{"path": 1}]', "a path that is no text"],
    ['[{"url": 1}]', "a url that is no text"],
    ['[{"path": "a", "size": -1}]', "a size"],
    ['[{"path": "a", "size": "1"}]', "a size"],
    ['[{"path": "a", "modifiedAt": "yesterday"}]', "a modifiedAt"],
    ['[{"path": "a", "sha256": "abc"}]', "a sha256"],
  ])("is refused where it can't be understood: %s", (text, why) => {
    expect(() => read(text)).toThrow(why);
  });
});
