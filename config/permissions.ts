/** What a caller may do, and who a caller is. */

export const permissions = [
  "org:read",
  "org:write",
  "members:read",
  "members:write",
  "roles:read",
  "roles:write",
  "accounts:read",
  "accounts:write",
  "keys:read",
  "keys:write",
  "sync:read",
  "sync:write",
  "assets:read",
  "ai:read",
  "ai:write",
  "payment:read",
  "payment:write",
  "payment:refund",
  /** The organisation's PayPal account, its rules against fraud, its tax rates, what the books and PayPal disagree about. */
  "payment:manage",
  "notification:read",
  "notification:write",
  "events:read",
  "audit:read",
  /** One's own sessions, password and address: in every signed-in person's token, in no key. */
  "account:manage",
  /** Internal calls between services; never granted to a person or a key. */
  "internal",
] as const;
export type Permission = (typeof permissions)[number];

/** What an organisation can grant to people and keys. */
export const granted: readonly Permission[] = permissions.filter(
  (permission) => permission !== "internal" && permission !== "account:manage",
);

const reading = granted.filter((permission) => permission.endsWith(":read") && permission !== "audit:read");

const family = (...names: string[]) => granted.filter((permission) => names.includes(permission.split(":")[0]!));

/** The roles that every organisation has; it may define more. */
export const roles = {
  owner: granted,
  /** All but what concerns the organisation as a whole. */
  admin: granted.filter((permission) => permission !== "org:write"),
  member: [...reading, "sync:write"],
  viewer: reading.filter((permission) => permission !== "keys:read"),
  /** Pays, refunds, sees the money and nothing of the assets. */
  billing: ["org:read", "members:read", ...family("payment")],
  /** Keeps syncs and notifications going, and sees no money. */
  operator: ["org:read", "members:read", "keys:read", "events:read", ...family("sync", "assets", "ai", "notification")],
} as const satisfies Record<string, readonly Permission[]>;

/** A role that every organisation has. */
export type Role = keyof typeof roles;

export const isBuiltIn = (role: string): role is Role => Object.hasOwn(roles, role);

/** Who calls, as proved by the claim. Read it with `caller(ctx)`; nothing else is authority. */
export interface Principal {
  tenantId: string;
  /** "user:<uuid>", "key:<uuid>", "token:<hex>" (an OAuth access token) or "service:<name>". */
  subject: string;
  /** The person behind a token, the maker of an organisation's key, or the service account of a key; null for services. */
  userId: string | null;
  permissions: readonly Permission[];
  /** Of the organisation's policy when the claim was made: what the subject may do is then asked of the policy. Without it, the claim says so itself. */
  policyVersion?: number;
  /** Of a person's token: the session that it was issued in. */
  session?: Session;
}

export interface Session {
  id: string;
  /** How the person proved who they are, in words of RFC 8176: "pwd", "otp", "hwk", … */
  methods: readonly string[];
  /** When they did so last; seconds since 1970. */
  authenticatedAt: number;
  /** What is known of their second factor; undefined when they have none and need none. */
  secondFactor?: SecondFactor;
}

/** missing: the organisation requires one, and there is none; required: it does, and there is one; enrolled: there is one. */
export const secondFactors = ["missing", "required", "enrolled"] as const;
export type SecondFactor = (typeof secondFactors)[number];

/** What travels in ctx.meta. Only `claim` carries authority, and only after the called node has verified it. */
export interface Meta {
  claim?: string;
  idempotencyKey?: string;
  /** Who asked the edge, as the edge saw it: for records, never for decisions about rights. */
  client?: Client;
}

/** Broadcast to every node as "credential.revoked". Claims of that subject issued until `at` are refused from now on. */
export interface Revocation {
  /** In one organisation, or in all (null). */
  tenantId: string | null;
  /** "session:<uuid>", "key:<uuid>", "token:<hex>" or "user:<uuid>". */
  subject: string;
  /** Milliseconds since 1970. */
  at: number;
}

export interface Client {
  address?: string;
  userAgent?: string;
}

/** The tenant of what belongs to none: the operator's acts, and those of strangers. Its chain of the audit log is the platform's. */
export const platform = "00000000-0000-0000-0000-000000000000";
