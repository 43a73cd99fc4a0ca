import { bytesOf } from "../names.ts";
import { calls } from "./calls.ts";
import { itemError } from "./faults.ts";
import type { Pool } from "./pool.ts";
import type { SftpSpec } from "./spec.ts";

/** Where a place's folder really lies. @throws SOURCE_MISSING, SOURCE_DENIED, and as `Connect` */
export interface Root {
  /** As it is now. */
  look(): Promise<Buffer>;
  /** As it was when it was last looked at. */
  known(): Promise<Buffer>;
}

export function rootOf(pool: Pool, spec: SftpSpec): Root {
  let known: Promise<Buffer> | undefined;
  const look = () => {
    const looking = pool
      .use((session) => calls.real(session, bytesOf(spec.root || ".")))
      .catch((error: unknown) => {
        if (known === looking) known = undefined;
        throw itemError(error, spec.uri);
      });
    known = looking;
    return looking;
  };
  return { look, known: () => known ?? look() };
}
