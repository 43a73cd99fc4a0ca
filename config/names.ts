/**
 * Names of the services, on which all else is built.
 * Glossary: *tenant* = organisation; *claim* = signed proof of who calls; *bell* = empty JetStream message that wakes an actor;
 * *ticket* = what is needed to read one blob from the vault (keys wrapped, useless without the key ring).
 */

export const services = ["api", "auth", "sync", "ai", "payment", "notification", "metrics"] as const;
export type ServiceName = (typeof services)[number];

/** Services that own a PostgreSQL schema, role and pool of the same name. */
export const schemas = ["auth", "sync", "ai", "payment", "notification"] as const;
export type SchemaName = (typeof schemas)[number];
