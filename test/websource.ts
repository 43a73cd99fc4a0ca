import { parseInput } from "../services/sync/sources/input.ts";
import { openSource } from "../services/sync/sources/kinds.ts";
import type { Source } from "../services/sync/sources/source.ts";

/**
 * A source on a web server, as a tenant would ask for it.
 * @param access what is given beside the URL
 * @param options hosts that the operator allows to be private (the URL's own when left out), and the operator's proxy
 */
export async function webSource(
  url: string,
  access: object = {},
  { privateHosts = [new URL(url).host], proxy }: { privateHosts?: string[]; proxy?: string } = {},
): Promise<Source> {
  const spec = await parseInput(url, { http: access }, { roots: [], privateHosts, ...(proxy && { proxy }) });
  return openSource({ ...spec, silence: 300 });
}
