import type { AuditKeys } from "./keys.ts";
import { beginning, commitment, hashOf, type StoredRecord } from "./record.ts";

/** What is wrong with a tenant's chain, and where. */
export interface Fault {
  tenantId: string;
  /** The record's position, or the first of those that are missing. */
  position: number;
  /** The record's id, where there is one. */
  id: string | null;
  kind: "changed" | "moved" | "twice" | "missing" | "truncated" | "origin" | "covered" | "head";
  text: string;
}

/** What is known from outside of the rows: the end as auth.audit_chains has it, and what checkpoints say. */
export interface Expected {
  head: { position: number; hash: string } | undefined;
  /** Position → hash and the checkpoint's number. */
  covered: ReadonlyMap<number, { hash: string; number: number }>;
}

/** So far away from its place a moved record is looked for. */
const reach = 500;

/** Checks one tenant's chain, record by record in order of position, and names every one that is not as it was written. */
export class ChainVerifier {
  readonly faults: Fault[] = [];
  /** Records whose address and user agent were erased. */
  erased = 0;
  private readonly tenantId: string;
  private readonly key: ReturnType<AuditKeys["chainOf"]>;
  private readonly expected: Expected;
  /** The record before; undefined when it is missing or not to be trusted. */
  private last: { hash: Buffer } | undefined = { hash: beginning };
  private position = 0;

  constructor(tenantId: string, keys: AuditKeys, expected: Expected) {
    this.tenantId = tenantId;
    this.key = keys.chainOf(tenantId);
    this.expected = expected;
  }

  next({ record, origin, previous, hash }: StoredRecord): void {
    const { position } = record;
    const fault = (kind: Fault["kind"], text: string) => this.faults.push({ tenantId: this.tenantId, position, id: record.id, kind, text });
    const fits = hashOf(this.key, previous, record).equals(hash);
    if (position === this.position) {
      // Two at one place: one of them was inserted, and is not the one that fits.
      if (!fits || this.last) fault("twice", "a second record at this position: it was inserted");
      else this.last = { hash };
      return;
    }
    if (position > this.position + 1) this.missing("missing", this.position + 1, position - 1, "deleted");
    const follows = position === this.position + 1 ? this.last : undefined;
    this.position = position;
    this.last = { hash };

    if (!fits) {
      const place = this.placeOf({ record, previous, hash });
      if (place === undefined) fault("changed", "the record does not fit its hash: it was edited, or inserted by somebody without the key");
      else fault("moved", `it was written at position ${place}: records were reordered`);
      this.last = undefined;
    } else if (follows && !follows.hash.equals(previous)) {
      fault("changed", "it does not follow the record before it: that one was exchanged");
    }
    if (origin && commitment(origin) !== record.origin) fault("origin", "address or user agent are not those that were recorded");
    if (!origin && record.origin !== null) this.erased++;
    const covered = this.expected.covered.get(position);
    if (covered && covered.hash !== hash.toString("hex"))
      fault("covered", `checkpoint ${covered.number} has another hash for it: the chain was written anew from here or earlier`);
  }

  /** To be called after the last record. */
  end(): Fault[] {
    const { head, covered } = this.expected;
    let furthest = { position: head?.position ?? 0, source: "the chain's end in auth.audit_chains" };
    for (const [position, { number }] of covered) if (position > furthest.position) furthest = { position, source: `checkpoint ${number}` };
    if (furthest.position > this.position)
      this.missing("truncated", this.position + 1, furthest.position, `cut off, as ${furthest.source} shows`);
    if (!head ? this.position > 0 : head.position < this.position || (head.position === this.position && this.endsOtherwise(head.hash)))
      this.faults.push({
        tenantId: this.tenantId,
        position: this.position,
        id: null,
        kind: "head",
        text: head
          ? `auth.audit_chains ends the chain at ${head.position} with another hash or before its last record`
          : "auth.audit_chains has no end of this chain: its row was deleted",
      });
    return this.faults;
  }

  private endsOtherwise(hash: string): boolean {
    return this.position > 0 && this.last !== undefined && this.last.hash.toString("hex") !== hash;
  }

  private missing(kind: "missing" | "truncated", from: number, to: number, how: string): void {
    const which = from === to ? `record ${from} is` : `records ${from} to ${to} are`;
    this.faults.push({ tenantId: this.tenantId, position: from, id: null, kind, text: `${which} not there: ${how}` });
  }

  /** Where a record fits that does not fit where it stands. */
  private placeOf({ record, previous, hash }: Pick<StoredRecord, "record" | "previous" | "hash">): number | undefined {
    for (let offset = 1; offset <= reach; offset++) {
      for (const position of [record.position - offset, record.position + offset])
        if (position > 0 && hashOf(this.key, previous, { ...record, position }).equals(hash)) return position;
    }
    return undefined;
  }
}
