import type { Spec } from "../source.ts";

export interface FtpSpec extends Spec {
  kind: "ftp";
  /** When TLS begins: by AUTH TLS (RFC 4217), with the first byte, or never. */
  tls: "explicit" | "implicit" | "none";
  /** Absolute folder, or one below the account's own ("" for that itself) without a leading '/'. */
  root: string;
  /** Anonymous when unset. */
  username?: string;
  password?: string;
  /** PEM of the authorities that may have signed the server's certificate, instead of the public ones. */
  ca?: string;
  /** SHA-256 of the only certificate that the server may show, upper-case hexadecimal with colons. */
  fingerprint?: string;
  /** Most connections at a time. */
  connections: number;
}
