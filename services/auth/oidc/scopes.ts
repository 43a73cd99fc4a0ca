import { granted, type Permission } from "../../../config/permissions.ts";

/** OpenID Connect Core 1.0, 5.4 and 11. */
export const identityScopes = ["openid", "profile", "email", "offline_access"] as const;

/** All that may be asked for: who somebody is, and each permission of the API under its own name. */
export const scopes: string[] = [...identityScopes, ...granted];

/** The permissions among the scopes of a token. */
export const permissionsIn = (scope = ""): Permission[] => {
  const asked = new Set(scope.split(" "));
  return granted.filter((permission) => asked.has(permission));
};

/** What access tokens begin with: the edge knows by it whom to ask, and scanners for leaked secrets find them. */
export const accessTokenPrefix = "lgo_";
