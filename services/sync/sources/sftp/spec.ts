import type { Spec } from "../source.ts";

export interface SftpSpec extends Spec {
  kind: "sftp";
  /** Absolute folder, or one below the user's own ("" for that itself) without a leading '/'. Bytes that are not UTF-8 as in names.ts. */
  root: string;
  username: string;
  password?: string;
  /** PEM or OpenSSH's format. */
  privateKey?: string;
  passphrase?: string;
  /** Fingerprints that the server's key may have, SHA256:…; none is never enough to connect. */
  hostKeys: string[];
}
