import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** DER, as much of it as three certificates need: node:crypto reads certificates but makes none. Source: RFC 5280, X.690. */
function tlv(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  if (content.length < 128) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const length = Buffer.from(content.length.toString(16).padStart(content.length > 255 ? 4 : 2, "0"), "hex");
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content]);
}
const sequence = (...contents: Buffer[]) => tlv(0x30, ...contents);
const oid = (hex: string) => tlv(0x06, Buffer.from(hex, "hex"));
const bits = (content: Buffer) => tlv(0x03, Buffer.from([0]), content);
const yes = tlv(0x01, Buffer.from([0xff]));
/** GeneralizedTime only from 2050 on, as RFC 5280 wants it. */
const utcTime = (at: Date) =>
  tlv(
    0x17,
    Buffer.from(
      `${at
        .toISOString()
        .replace(/[-:T]|\.\d+/g, "")
        .slice(2)}`,
    ),
  );
const commonName = (name: string) => sequence(tlv(0x31, sequence(oid("550403"), tlv(0x0c, Buffer.from(name)))));
const extension = (id: string, critical: boolean, content: Buffer) => sequence(oid(id), ...(critical ? [yes] : []), tlv(0x04, content));

const sha256WithRsa = sequence(oid("2a864886f70d01010b"), tlv(0x05));

export interface Party {
  name: string;
  key: KeyObject;
  pem: string;
}

interface Wish {
  name: string;
  /** null signs itself. */
  issuer: Party | null;
  isAuthority: boolean;
  from: Date;
  to: Date;
}

/** A fresh RSA key of 2048 bits and a certificate for it, valid between two dates before 2050. */
export function issueCertificate({ name, issuer, isAuthority, from, to }: Wish): Party {
  const { publicKey, privateKey: key } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const extensions = isAuthority
    ? [extension("551d13", true, sequence(yes)), extension("551d0f", true, Buffer.from([0x03, 0x02, 0x01, 0x06]))]
    : [
        extension("551d13", true, sequence()),
        extension("551d0f", true, Buffer.from([0x03, 0x02, 0x07, 0x80])),
        extension("551d11", false, sequence(tlv(0x82, Buffer.from(name)))),
      ];
  const tbs = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.concat([Buffer.from([0x40]), randomBytes(15)])),
    sha256WithRsa,
    commonName(issuer?.name ?? name),
    sequence(utcTime(from), utcTime(to)),
    commonName(name),
    publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", tbs, issuer?.key ?? key);
  const der = sequence(tbs, sha256WithRsa, bits(signature));
  const lines = der.toString("base64").replace(/.{64}/g, "$&\n").trimEnd();
  return { name, key, pem: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n` };
}
