import { writeFileSync } from "node:fs";
import { schemaSql } from "../config/schema.ts";

/** Writes entities/schema.sql anew from the entities. */
writeFileSync(new URL("../entities/schema.sql", import.meta.url), await schemaSql());
