import type { Pool, PoolClient } from "pg";

/** Who was using a connection when it was lost has seen its statement fail within this; then nobody gives the connection back any more. */
const graceMs = 1_000;

/**
 * Takes connections that were lost in the middle of a transaction out of the pool. The query builder below the ORM gives a connection back
 * after COMMIT or ROLLBACK only, and on a dead one neither succeeds: a restart of PostgreSQL under load would leave a pool without any.
 */
export function reclaimLost(pool: Pool): void {
  const taken = new Set<PoolClient>();
  pool.on("acquire", (client) => taken.add(client));
  pool.on("release", (_error, client) => taken.delete(client));
  pool.on("connect", (client) =>
    client.once("end", () =>
      setTimeout(() => {
        if (!taken.has(client)) return;
        client.release(true);
        // Whoever still thinks that it holds the connection may give it back as well.
        client.release = () => {};
      }, graceMs).unref(),
    ),
  );
}
