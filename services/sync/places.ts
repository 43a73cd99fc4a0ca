import { env, list } from "../../config/env.ts";
import type { ParseOptions } from "./sources/source.ts";

const network = {
  privateHosts: list(env.SYNC_PRIVATE_HOSTS),
  ...(env.SYNC_PROXY_URL && { proxy: env.SYNC_PROXY_URL }),
};

/** Where the operator lets sources lead to. */
export const readablePlaces: ParseOptions = { roots: list(env.SYNC_FILE_ROOTS), ...network };

/** Where the operator lets mirrors and restores write to. */
export const writablePlaces: ParseOptions = { roots: list(env.SYNC_WRITE_ROOTS), ...network };
