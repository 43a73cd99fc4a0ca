import { describe, expect, it } from "@jest/globals";
import { itemsIn } from "./listing.ts";
import { fieldsOf, packet, status, type, type Field } from "./packets.ts";
import type { Session } from "./session.ts";

const [size, mode, times, extended] = [1, 4, 8, 0x8000_0000];

/** A session whose one folder has these entries: name, line of ls -l, attributes. */
function sessionWith(entries: [name: string, line: string, ...attrs: Field[]][]): Session {
  let told = false;
  const answer = (kind: number, fields: Field[]) => {
    return Promise.resolve({ kind, fields: fieldsOf(packet(kind, 1, fields).subarray(4), 5) });
  };
  return {
    extensions: new Map(),
    handles: 0,
    lost: undefined,
    end() {},
    ask(kind) {
      if (kind === type.opendir) return answer(type.handle, [Buffer.from("h")]);
      if (kind !== type.readdir || told) return answer(type.status, [kind === type.readdir ? status.end : status.ok]);
      told = true;
      const fields = entries.flatMap(([name, line, ...attrs]): Field[] => [Buffer.from(name), Buffer.from(line), ...attrs]);
      return answer(type.name, [entries.length, ...fields]);
    },
  };
}

const list = async (...entries: Parameters<typeof sessionWith>[0]) => {
  const items = await itemsIn(sessionWith(entries), Buffer.from("/root"), "", undefined);
  return [...items.ahead(Infinity)];
};

describe("What an SFTP server lists", () => {
  it("leads nowhere else by its names", async () => {
    const items = await list(
      ["..", "", mode, 0o40755],
      ["../../etc/cron.d/job", "", mode, 0o100644],
      ["a\0b", "", mode, 0o100644],
      ["", "", mode, 0o100644],
      ["honest", "", mode, 0o100644],
    );
    expect(items.map(({ name, refusal }) => [name, (refusal as { type?: string } | undefined)?.type])).toEqual([
      ["%", "SOURCE_ITEM_UNSUPPORTED"],
      ["..%2F..%2Fetc%2Fcron.d%2Fjob", "SOURCE_ITEM_UNSUPPORTED"],
      ["a%00b", "SOURCE_ITEM_UNSUPPORTED"],
      ["honest", undefined],
    ]);
  });

  it("is told apart by its line where it has no mode, and may have attributes that nobody knows", async () => {
    const items = await list(
      ["folder", "drwxr-xr-x 2 a a 0 Jan 1 folder", 0],
      ["file", "-rw-r--r-- 1 a a 5 Jan 1 file", size | times, { long: 5 }, 7, 1_700_000_000],
      ["more", "-", (size | extended) >>> 0, { long: 2 ** 33 }, 1, Buffer.from("acl@example.com"), Buffer.from("x")],
      ["pipe", "prw-r--r--", 0],
    );
    expect(items.map(({ name, kind, size, modified }) => [name, kind, size, modified])).toEqual([
      ["file", "file", 5, 1_700_000_000],
      ["folder/", "folder", undefined, undefined],
      ["more", "file", 2 ** 33, undefined],
      ["pipe", "other", undefined, undefined],
    ]);
  });

  it("is in order, each name once", async () => {
    const names = ["b", "a", "a-b", "\u{1F600}", "\uFB00", "b"];
    const items = await list(...names.map((name): [string, string, ...Field[]] => [name, "", mode, 0o100644]), ["a", "", mode, 0o40755]);
    expect(items.map(({ name }) => name)).toEqual(["a", "a-b", "a/", "b", "\uFB00", "\u{1F600}"]);
  });
});
