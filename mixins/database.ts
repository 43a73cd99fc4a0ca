import { hash } from "node:crypto";
import { MikroORM, type EntityManager } from "@mikro-orm/postgresql";
import { CompiledQuery, type Kysely } from "kysely";
import type { SchemaName } from "../config/names.ts";
import { errors } from "../config/errors.ts";
import { ormOptions } from "../config/orm.ts";
import { pendingAct, recordPending } from "./act.ts";

export type Em = EntityManager;

/**
 * A service's own schema. Every unit of work is one transaction with its own fork and says for whom it works:
 * PostgreSQL's row-level security shows it nothing else.
 */
export class Database {
  readonly schema: SchemaName;
  private readonly orm: MikroORM;

  private constructor(schema: SchemaName, orm: MikroORM) {
    this.schema = schema;
    this.orm = orm;
  }

  static async open(schema: SchemaName, url: string, pool: number): Promise<Database> {
    return new Database(schema, await MikroORM.init(ormOptions(schema, url, pool)));
  }

  /** Runs `work` in one transaction that sees and writes rows of this tenant only. */
  tenant<T>(tenantId: string, work: (em: Em) => Promise<T>): Promise<T> {
    return this.transaction({ "legendo.tenant": tenantId }, work);
  }

  /** Runs `work` in one transaction that sees rows of all tenants: for workers, relays and sweepers, never for a request's data. */
  system<T>(work: (em: Em) => Promise<T>): Promise<T> {
    return this.transaction({ "legendo.scope": "system" }, work);
  }

  /** Runs `work` in one transaction without any tenant; row-level security then shows nothing. For tests of just that. */
  nobody<T>(work: (em: Em) => Promise<T>): Promise<T> {
    return this.transaction({}, work);
  }

  /** @throws SERVICE_UNAVAILABLE */
  async ping(): Promise<void> {
    await this.nobody((em) => em.execute("select 1"));
  }

  close(): Promise<void> {
    return this.orm.close();
  }

  private async transaction<T>(variables: Record<string, string>, work: (em: Em) => Promise<T>): Promise<T> {
    const em = this.orm.em.fork() as Em;
    if (Object.keys(variables).length) em.setSessionContext({ variables });
    const act = pendingAct(this.schema, variables["legendo.tenant"]);
    try {
      if (!act) return await em.transactional((inner) => work(inner));
      const [result, recorded] = await em.transactional(async (inner) => {
        const done = await work(inner);
        await inner.flush();
        return [done, await recordPending(inner, act)] as const;
      });
      if (recorded) act.recorded = true;
      return result;
    } catch (error) {
      if (isAway(error)) throw errors.unavailable("The database can't be reached just now.", undefined, error);
      throw error;
    }
  }
}

/** Connection refused or lost, server starting or stopping (SQLSTATE classes 08 and 57P), or out of connections (53300). */
const awayCodes = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|08\w{3}|57P0[1-3]|53300)$/;

const isAway = (error: unknown): boolean => {
  const { code, message, cause } = error as { code?: unknown; message?: string; cause?: unknown };
  return (
    awayCodes.test(String(code)) ||
    /Connection terminated|not queryable/.test(message ?? "") ||
    (cause !== undefined && cause !== null && isAway(cause))
  );
};

/** SQL of a moment as milliseconds since 1970: what drivers make of a timestamp differs, and a number is compared without a thought. */
export const epoch = (expression: string) => `(extract(epoch from ${expression}) * 1000)::float8`;

/** Rows of a raw statement. Parameters are `?`; MikroORM writes them into the text as literals, arrays as comma lists: pass arrays as JSON. */
export async function rows<T>(em: Em, sql: string, params: unknown[] = []): Promise<T[]> {
  return await em.execute<T[] & object>(sql, params);
}

/**
 * Rows of a raw statement with a large parameter. Parameters are $1, $2, … and travel beside the text: writing a batch's JSON into the
 * text, as `rows` does, costs more than storing it.
 */
export async function bulk<T>(em: Em, sql: string, params: unknown[]): Promise<T[]> {
  return await send(em, CompiledQuery.raw(sql, params));
}

/** Statement → the name it is prepared under. */
const names = new Map<string, string>();

/**
 * Rows of a raw statement that every connection prepares once: parsing and planning cost a short statement more than it does. For statements of
 * the busy roads, whose text never changes and whose plan does not hang on their parameters. Parameters are $1, $2, …
 */
export async function prepared<T>(em: Em, text: string, params: unknown[]): Promise<T[]> {
  let name = names.get(text);
  if (!name) names.set(text, (name = hash("sha256", text).slice(0, 32)));
  // Kysely hands on to the driver what stands for the text, and that one takes a named statement in its place.
  return await send(em, CompiledQuery.raw({ name, text } as unknown as string, params));
}

async function send<T>(em: Em, query: CompiledQuery): Promise<T[]> {
  const transaction = em.getTransactionContext<Kysely<unknown>>();
  if (!transaction) throw errors.internal("A raw statement needs a transaction.");
  return (await transaction.executeQuery(query)).rows as T[];
}

/** The first row of a raw statement, or undefined. */
export const row = async <T>(em: Em, sql: string, params: unknown[] = []): Promise<T | undefined> => (await rows<T>(em, sql, params))[0];
