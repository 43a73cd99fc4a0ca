import type { Permission } from "../../../config/permissions.ts";
import type { Fault } from "../../../config/errors.ts";
import { kindsOf, partKinds, type Rule } from "../../../config/rules.ts";
import { isTimeZone } from "../../../mixins/policy/hours.ts";

/** What is wrong with the rules of a role: a rule that would limit nothing is a mistake that lets everything through. */
export function ruleFaults(rules: readonly Rule[], permissions: readonly Permission[]): Fault[] {
  return rules.flatMap((rule, index) => {
    const at = (member: string) => `/rules/${index}${member}`;
    const faults: Fault[] = [];
    if (rules.findIndex(({ name }) => name === rule.name) < index)
      faults.push({ pointer: at("/name"), detail: "another rule has this name" });
    rule.permissions.forEach((permission, place) => {
      if (!permissions.includes(permission))
        faults.push({ pointer: at(`/permissions/${place}`), detail: "is not a permission of the role" });
    });
    const parts = Object.keys(partKinds).filter((part) => part in rule) as (keyof typeof partKinds)[];
    if (!parts.length && !rule.hours) faults.push({ pointer: at(""), detail: "limits nothing: expected own, sources, maximum or hours" });
    for (const part of parts)
      for (const permission of rule.permissions)
        if (!kindsOf[permission]?.some((kind) => (partKinds[part] as readonly string[]).includes(kind)))
          faults.push({ pointer: at(`/${part}`), detail: `can't limit ${permission}` });
    if (rule.hours && !isTimeZone(rule.hours.timeZone)) faults.push({ pointer: at("/hours/timeZone"), detail: "is no IANA time zone" });
    if (rule.hours?.from === rule.hours?.to && rule.hours) faults.push({ pointer: at("/hours/to"), detail: "must differ from `from`" });
    return faults;
  });
}
