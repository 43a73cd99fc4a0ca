import { describe, expect, it } from "@jest/globals";
import { manifestReader, type Named } from "./lines.ts";

const sum = "ab".repeat(32);
/** In pieces of so many bytes, which tell nothing. */
function read(text: string | Buffer, piece = 7): Named[] {
  const named: Named[] = [];
  const reader = manifestReader((one) => named.push(one));
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += piece) reader.write(bytes.subarray(at, at + piece));
  reader.end();
  return named;
}

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

  it("may be an object on each line", () => {
    const lines = `\ufeff{"path": "a/\u00e4", "size": 3}\r\n\n{"url": "b", "sha256": "${sum}"}`;
    const named = [
      { path: "a/\u00e4", size: 3 },
      { url: "b", sha256: sum },
    ];
    for (const piece of [1, 1_000]) expect(read(lines, piece)).toEqual(named);
    expect(read('{"path": "alone"}')).toEqual([{ path: "alone" }]);
    expect(() => read(`${lines}\n{"size": 3}`)).toThrow("entry 4 has neither path nor url");
    expect(() => read(`${lines}\nb.txt`)).toThrow("line 4 is no JSON");
    // Any number of them, but no line without end, and no other JSON of any length.
    expect(read(`{"path": "${"x".repeat(1_000)}"}\n`.repeat(40_000), 65_536)).toHaveLength(40_000);
    expect(() => read(`a\n${"x".repeat(100_000)}`, 10_000)).toThrow("a line of more than 65536 bytes");
    expect(() => read(`["${"x".repeat(34_000_000)}"]`, 1_000_000)).toThrow("more than 32 MiB");
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
    expect(read(odd)).toEqual([{ path: "a%FF", sha256: sum }, { path: "b" }]);
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
