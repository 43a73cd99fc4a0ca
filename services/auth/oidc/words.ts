import { permissionsIn } from "./scopes.ts";

const areas: Record<string, string> = {
  org: "the organisation and its members",
  keys: "API keys",
  sync: "sources and sync jobs",
  assets: "the files in the vault",
  ai: "what was found out about files",
  payment: "payments",
  notification: "notifications and webhooks",
  events: "what happens, live",
};

const verbs: Record<string, string> = { read: "see", write: "see and change" };

/** What a client asks for, in words for its person. */
export function wishesOf(scope: string): string[] {
  const asked = scope.split(" ");
  const wishes = asked.includes("openid") ? ["know who you are and which organisation you belong to"] : [];
  if (asked.includes("profile")) wishes.push("read your name");
  if (asked.includes("email")) wishes.push("read your e-mail address");
  for (const permission of permissionsIn(scope)) {
    const [area = "", verb = ""] = permission.split(":");
    wishes.push(verbs[verb] ? `${verbs[verb]} ${areas[area] ?? area} for you` : `use the permission ${permission} for you`);
  }
  if (asked.includes("offline_access")) wishes.push("go on doing so while you are away, until you take it back");
  return wishes;
}
