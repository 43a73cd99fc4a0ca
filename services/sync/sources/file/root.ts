import { closeSync, constants, existsSync, mkdirSync, openSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { errors } from "../../../../config/errors.ts";
import { itemError } from "../disk.ts";
import { onDisk } from "./faults.ts";

/** @throws SOURCE_MISSING, SOURCE_DENIED, SOURCE_NOT_ALLOWED when a link has taken its place or that of a folder above it */
export function checkRoot(root: string): void {
  let real: string;
  try {
    real = realpathSync.native(root);
    closeSync(openSync(real, constants.O_RDONLY | constants.O_DIRECTORY));
  } catch (error) {
    throw itemError(error, root);
  }
  if (real !== root) throw errors.sourceNotAllowed(`${root} has become a link to another folder.`);
}

/** Makes a root that is missing. @throws as `checkRoot`, SOURCE_FULL */
export function makeRoot(root: string): void {
  const missing: string[] = [];
  let at = root;
  for (; !existsSync(at); at = dirname(at)) missing.unshift(at);
  checkRoot(at);
  for (const folder of missing) onDisk(folder, () => mkdirSync(folder));
  checkRoot(root);
}
