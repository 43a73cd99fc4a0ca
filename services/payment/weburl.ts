import type { Fault } from "../../config/errors.ts";

/** What is wrong with the addresses among the params of these names. */
export function urlFaults<Name extends string>(params: Partial<Record<Name, string>>, names: readonly Name[]): Fault[] {
  const detail = "must be an absolute http or https URL";
  return names.flatMap((name) => {
    const url = params[name];
    const scheme = url !== undefined && URL.canParse(url) ? new URL(url).protocol : null;
    return url === undefined || scheme === "https:" || scheme === "http:" ? [] : [{ pointer: `/${name}`, detail }];
  });
}
