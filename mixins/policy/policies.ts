import { LRUCache } from "lru-cache";
import type { Principal } from "../../config/permissions.ts";
import { errors, failureOf } from "../../config/errors.ts";
import type { Grant } from "../../config/rules.ts";
import { Policy } from "./policy.ts";

/** Asks auth what a subject may do in its organisation. @throws FORBIDDEN when it has no place there any more */
export type GrantSource = (tenantId: string, subject: string) => Promise<Grant>;

/** How long a change is not noticed when the word of it is lost. */
const freshMs = 30_000;
/** How long what was known goes on to hold while auth does not answer, and how often it is asked meanwhile. */
const staleMs = 600_000;
const againMs = 5_000;

interface Known {
  policy: Policy;
  fetched: number;
  /** When to ask again. */
  due: number;
}

/** The policies of the subjects that call this node: fetched at first sight, compiled once per version, dropped when auth tells of a change. */
export class Policies {
  private readonly source: GrantSource;
  private readonly subjects = new LRUCache<string, Known>({ max: 20_000 });
  private readonly asked = new Map<string, Promise<Policy>>();
  /** The newest version of an organisation's policy that was heard of. */
  private readonly versions = new LRUCache<string, number>({ max: 20_000 });
  /** Claims that say themselves what their bearer may do. */
  private readonly stated = new WeakMap<Principal, Policy>();

  constructor(source: GrantSource) {
    this.source = source;
  }

  /** The policy of a caller that is known and up to date. */
  known(principal: Principal): Policy | undefined {
    if (principal.policyVersion === undefined) return this.statedBy(principal);
    const known = this.subjects.get(keyOf(principal));
    return known && known.due > Date.now() && known.policy.version >= this.needed(principal) ? known.policy : undefined;
  }

  /** @throws FORBIDDEN, SERVICE_UNAVAILABLE when auth can't be asked and what is known is too old */
  async of(principal: Principal): Promise<Policy> {
    const known = this.known(principal);
    if (known) return known;
    const key = keyOf(principal);
    // A burst asks once; but not with a question that was on its way when a newer version was heard of.
    const question = `${key} ${this.needed(principal)}`;
    let asking = this.asked.get(question);
    if (!asking) {
      asking = this.ask(principal, key).finally(() => this.asked.delete(question));
      this.asked.set(question, asking);
    }
    return await asking;
  }

  /** Auth has changed an organisation's policy. */
  changed(tenantId: string, version: number): void {
    this.versions.set(tenantId, Math.max(version, this.versions.get(tenantId) ?? 0));
  }

  private needed({ tenantId, policyVersion = 0 }: Principal): number {
    return Math.max(policyVersion, this.versions.get(tenantId) ?? 0);
  }

  private async ask(principal: Principal, key: string): Promise<Policy> {
    const before = this.subjects.get(key);
    const now = Date.now();
    try {
      const grant = await this.source(principal.tenantId, principal.subject);
      const same = before && before.policy.version === grant.version;
      const policy = same ? before.policy : new Policy(grant);
      this.subjects.set(key, { policy, fetched: now, due: now + freshMs });
      return policy;
    } catch (error) {
      if (failureOf(error).code < 500 && failureOf(error).type === "FORBIDDEN") {
        this.subjects.delete(key);
        throw error;
      }
      if (before && now - before.fetched < staleMs && before.policy.version >= this.needed(principal)) {
        this.subjects.set(key, { ...before, due: now + againMs });
        return before.policy;
      }
      throw errors.unavailable("What the caller may do can't be found out just now.", undefined, error);
    }
  }

  private statedBy(principal: Principal): Policy {
    let policy = this.stated.get(principal);
    if (!policy) {
      policy = new Policy({ version: 0, role: null, userId: principal.userId, permissions: principal.permissions, rules: [] });
      this.stated.set(principal, policy);
    }
    return policy;
  }
}

const keyOf = ({ tenantId, subject }: Principal) => `${tenantId} ${subject}`;
