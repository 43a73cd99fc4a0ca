import type { Database } from "../../mixins/database.ts";
import { statesAfter } from "./catalogue/moment.ts";
import type { Job } from "./load.ts";
import type { PushOptions } from "./planners/push.ts";
import type { Entry } from "./sources/source.ts";

const pageSize = 5_000;

/**
 * Assets of a source as they are now, in byte order of the path, or as they were at a moment, in no order. The fingerprint is the content
 * id, hexadecimal.
 */
export async function* assetPages(database: Database, job: Job, wish: PushOptions): AsyncGenerator<Entry[]> {
  for (let after: string | null = ""; after !== null;) {
    const from: string = after;
    const { states, next } = await database.tenant(job.tenantId, (em) => statesAfter(em, job, wish, from, pageSize));
    yield states.map(({ path, size, modified, content }) => ({ path, size, modifiedAt: modified, fingerprint: content }));
    after = next;
  }
}
