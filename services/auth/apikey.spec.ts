import { randomUUID } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { keyHasher, makeApiKey, parseApiKey } from "./apikey.ts";

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

describe("an API key", () => {
  test("is recognised by its shape and gives back the id and secret it was made of", () => {
    for (const id of [randomUUID(), "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]) {
      const made = makeApiKey(id);
      expect(made.key).toMatch(/^lgd_[0-9A-Za-z]{22}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/);
      expect(parseApiKey(made.key)).toEqual({ id, secret: made.secret });
    }
  });

  test("is told from one with a single wrong character by its checksum", () => {
    const { key } = makeApiKey(randomUUID());
    fc.assert(
      fc.property(fc.nat(key.length - 1), fc.constantFrom(...digits, "_", " ", "é", "\u0000"), (place, character) => {
        const altered = key.slice(0, place) + character + key.slice(place + 1);
        expect(altered === key || parseApiKey(altered) === undefined).toBe(true);
      }),
    );
  });

  test("is told from cut, padded and other texts", () => {
    const { key } = makeApiKey(randomUUID());
    for (const text of ["", "lgd_", key.slice(0, -1), `${key}\n`, ` ${key}`, key + key, key.replace("lgd", "LGD"), "Bearer " + key])
      expect(parseApiKey(text)).toBeUndefined();
  });

  test("has another hash under another cluster secret or another id", () => {
    const { id, secret } = makeApiKey(randomUUID());
    const hash = keyHasher("a".repeat(32));
    expect(hash({ id, secret })).toHaveLength(32);
    expect(hash({ id, secret })).toEqual(keyHasher("a".repeat(32))({ id, secret }));
    expect(hash({ id, secret })).not.toEqual(keyHasher("b".repeat(32))({ id, secret }));
    expect(hash({ id, secret })).not.toEqual(hash({ id: randomUUID(), secret }));
  });
});
