import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { messages } from "./messages.ts";
import { fieldsOf, packet, type } from "./packets.ts";

describe("A stream of SFTP packets", () => {
  it("comes out as it went in, however it is cut", () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sent, cuts) => {
        const stream = Buffer.concat(sent.map((body, id) => packet(type.data, id, [body, { long: 2 ** 40 + id }])));
        const came: Buffer[] = [];
        const cut = messages((message) => came.push(Buffer.from(message)));
        for (let at = 0, i = 0; at < stream.length; i++) {
          const length = cuts[i % cuts.length]!;
          cut(stream.subarray(at, at + length));
          at += length;
        }
        expect(came.map((message) => [message[0], message.readUInt32BE(1)])).toEqual(sent.map((_, id) => [type.data, id]));
        for (const [id, message] of came.entries()) {
          const fields = fieldsOf(message, 5);
          expect(fields.string().equals(sent[id]!)).toBe(true);
          expect(fields.long()).toBe(2 ** 40 + id);
          expect(fields.more()).toBe(false);
        }
      }),
    );
  });

  it("is given up when it can't be one", () => {
    for (const length of [0, 4, 2 ** 20 + 1, 2 ** 32 - 1]) {
      const bytes = Buffer.alloc(8);
      bytes.writeUInt32BE(length, 0);
      expect(() => messages(() => {})(bytes)).toThrow(`a packet of ${length} bytes came`);
    }
    expect(() => fieldsOf(packet(type.data, 1, [Buffer.from("four")]).subarray(4, 15), 5).string()).toThrow(RangeError);
  });
});
