import { describe, expect, it } from "@jest/globals";
import { readList, readMlsd } from "./lines.ts";

describe("A line of a listing", () => {
  it.each([
    ["-rw-r--r--    1 54322    54322           5 Nov 22 21:29 7 Feb 02  2020 foo", { kind: "file", size: 5, name: "7 Feb 02  2020 foo" }],
    ["-rw-r--r--    1 0        0               5 Jan 02  2020  two leading", { kind: "file", size: 5, name: " two leading" }],
    ["-rw-r--r-- 1 DOMAIN USERS some group 12345678901 Jan 02 2020 x", { kind: "file", size: 12_345_678_901, name: "x" }],
    ["-rw-rw-r--+  1 ftp  12 Feb  3 04:05 no group", { kind: "file", size: 12, name: "no group" }],
    ["-rw-r--r--   1 a b 7 2024-01-02 03:04 iso", { kind: "file", size: 7, name: "iso" }],
    ["-rw-r--r--   1 a b 7  3 f\u00e9vr. 04:05 x", { kind: "file", size: 7, name: "x" }],
    ["drwxrwsr-t    2 a b 4096 Nov 22 21:29 folder", { kind: "folder", name: "folder" }],
    ["drwxr-xr-x    2 a b 4096 Nov 22 21:29 ..", { kind: "folder", name: "..", self: true }],
    ["lrwxrwxrwx    1 a b 11 Nov 22 21:29 outlink -> /etc/passwd", { kind: "link", name: "outlink", target: "/etc/passwd" }],
    ["lrwxrwxrwx    1 a b 1 Nov 22 21:29 a -> b -> c", { kind: "link", name: "a -> b", target: "c" }],
    ["lrwxrwxrwx    1 a b 6 Nov 22 21:29 a -> b -> c", { kind: "link", name: "a", target: "b -> c" }],
    ["crw-rw-rw-    1 root root 1,   3 Nov 22 21:29 null", { kind: "other", name: "null" }],
    ["prw-rw-rw-    1 root root 0 Nov 22 21:29 pipe", { kind: "other", name: "pipe" }],
    ["12-05-96  05:03PM       <DIR>          my dir", { kind: "folder", name: "my dir" }],
    ["02-11-2025  17:03                 1234  x y.txt", { kind: "file", size: 1234, name: " x y.txt" }],
    ["02-11-25  05:03AM       <JUNCTION>     there", { kind: "link", name: "there" }],
  ])("of LIST is read: %s", (line, expected) => {
    expect(readList(line)).toMatchObject({ self: false, ...expected });
  });

  it.each(["", "name", "-rw-r--r-- name", "drwx", "total 12 x", "2 files"])("of LIST is not guessed at: %j", (line) => {
    expect(readList(line)).toBeUndefined();
  });

  it.each([
    [
      "type=file;size=5;modify=20261122213518.123;unique=fe00g2; a  b;c=d",
      { kind: "file", size: 5, modified: Date.UTC(2026, 10, 22, 21, 35, 18, 123), unique: "fe00g2", name: "a  b;c=d" },
    ],
    ["Type=Dir;Modify=20261122213518; x", { kind: "folder", name: "x", unique: "" }],
    ["type=cdir;modify=20261122213518; /where/it/is", { self: true }],
    ["type=OS.unix=slink:/target;size=3; link", { kind: "link", name: "link" }],
    ["type=OS.unix=symlink;size=3; link", { kind: "link", name: "link" }],
    ["type=OS.unix=chr-1/3; null", { kind: "other", name: "null" }],
    ["size=5;type=file;  leading", { kind: "file", name: " leading" }],
  ])("of MLSD is read: %s", (line, expected) => {
    expect(readMlsd(line)).toMatchObject(expected);
  });

  it.each(["", "name", "type=file;", "type=file; ", "-rw-r--r--    1 0 0 5 Jan 02  2020 x"])("of MLSD is not guessed at: %j", (line) => {
    expect(readMlsd(line)).toBeUndefined();
  });

  it("takes no longer than its length allows", () => {
    const started = performance.now();
    for (const line of [
      `-rw-r--r-- 1 ${"1 ".repeat(30_000)}`,
      `-rw-r--r-- 1 ${"a b ".repeat(15_000)}`,
      `brw-r--r-- ${"1, ".repeat(20_000)}`,
      "1".repeat(60_000),
      "12-05-96 05:03".padEnd(60_000),
    ]) {
      readList(line);
      readMlsd(line);
    }
    expect(performance.now() - started).toBeLessThan(500);
  });
});
