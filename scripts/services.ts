import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ServiceSchema } from "moleculer";
import { services as known } from "../config/names.ts";

const folder = join(import.meta.dirname, "../services");

/**
 * The schemas of the named services, from services/<name>/*.service.ts (default export: a schema or several).
 * @param names of folders, or "all"
 * @throws one Error that lists every name that is no service; a node that hosts nothing would only look alive.
 */
export async function loadServices(names: readonly string[]): Promise<ServiceSchema[]> {
  const wanted = names.includes("all") ? known.filter((name) => existsSync(join(folder, name))) : [...new Set(names)];
  const unknown = wanted.filter((name) => !(known as readonly string[]).includes(name));
  if (unknown.length) throw new Error(`SERVICES names ${unknown.join(", ")}; expected some of ${known.join(", ")}, or all.`);
  if (!wanted.length) throw new Error(`SERVICES names no service; expected some of ${known.join(", ")}, or all.`);
  const empty = wanted.filter((name) => !serviceFiles(name).length);
  if (empty.length) throw new Error(`SERVICES names ${empty.join(", ")}, but services/${empty[0]} holds no *.service.ts file.`);
  const schemas: ServiceSchema[] = [];
  for (const path of wanted.flatMap(serviceFiles)) {
    const { default: found } = (await import(pathToFileURL(path).href)) as { default?: ServiceSchema | ServiceSchema[] };
    if (!found) throw new Error(`${path} exports no service: expected a default export of a schema or an array of schemas.`);
    schemas.push(...(Array.isArray(found) ? found : [found]));
  }
  return schemas;
}

function serviceFiles(name: string): string[] {
  const path = join(folder, name);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((file) => file.endsWith(".service.ts"))
    .sort()
    .map((file) => join(path, file));
}
