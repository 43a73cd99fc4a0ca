/** What may stand in a JSON column: integers of any size as strings. */
export type Stored<T> = T extends bigint ? string : T extends object ? { [K in keyof T]: Stored<T[K]> } : T;

/** For a JSON column, which has no integers of any size. */
export function store<T>(value: T): Stored<T> {
  if (typeof value === "bigint") return String(value) as Stored<T>;
  if (Array.isArray(value)) return value.map((one: unknown) => store(one)) as Stored<T>;
  if (typeof value !== "object" || value === null) return value as Stored<T>;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, store(member as unknown)])) as Stored<T>;
}

/** Members that are integers of any size: amounts in minor units, and quantities. */
const isInteger = (name: string) => name.endsWith("Minor") || name === "quantity";

/** What `store` made a JSON column's value of. */
export function restore<T>(stored: unknown, name = ""): T {
  if (typeof stored === "string" && isInteger(name)) return BigInt(stored) as T;
  if (Array.isArray(stored)) return stored.map((one: unknown) => restore(one)) as T;
  if (typeof stored !== "object" || stored === null) return stored as T;
  return Object.fromEntries(Object.entries(stored).map(([key, member]) => [key, restore(member, key)])) as T;
}
