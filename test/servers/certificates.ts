import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Certificates {
  /** PEM of the authority that signed the server's certificate. */
  ca: string;
  /** Of the server's certificate: SHA-256, hexadecimal with colons. */
  fingerprint: string;
  /** Files. */
  cert: string;
  key: string;
}

/**
 * Makes an authority and a certificate that it signed.
 * @param folder where the files go
 * @param names whom the certificate is for, as in subjectAltName
 */
export function makeCertificates(folder: string, names = "IP:127.0.0.1"): Certificates {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-x509", ...newKey, "-days", "2", "-subj", "/CN=Legendo test authority", "-keyout", "ca-key.pem", "-out", "ca.pem");
  openssl("req", ...newKey, "-subj", "/CN=server", "-keyout", "key.pem", "-out", "request.pem");
  writeFileSync(join(folder, "names"), `subjectAltName=${names}\n`);
  const signer = ["-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial"];
  openssl("x509", "-req", "-in", "request.pem", ...signer, "-days", "2", "-extfile", "names", "-out", "cert.pem");
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  return {
    ca: read("ca.pem"),
    fingerprint: new X509Certificate(read("cert.pem")).fingerprint256,
    cert: join(folder, "cert.pem"),
    key: join(folder, "key.pem"),
  };
}
