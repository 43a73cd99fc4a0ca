import type { Checkpoint } from "./checkpoint.ts";
import { digestOf } from "./checkpoint.ts";
import type { AuditKeys } from "./keys.ts";
import type { Found } from "./outlets.ts";
import { canonical } from "./record.ts";
import type { Expected } from "./verify.ts";

/** What one place outside of the database has. */
export interface Place {
  name: string;
  found: Found;
  /** It may have lost its oldest: a stream is bounded. */
  bounded: boolean;
}

export interface CheckpointFault {
  place: string;
  number: number;
  text: string;
}

/** What the checkpoints of all places say together: tenant → position → hash. */
export type Covering = Map<string, Map<number, { hash: string; number: number }>>;

/**
 * Checks signatures, numbers and order of checkpoints, and that the places agree.
 * @param published number of the last one that the database says was published; what it lacks itself does not matter
 */
export function checkCheckpoints(
  keys: AuditKeys,
  cluster: string,
  places: readonly Place[],
  published: number,
): { faults: CheckpointFault[]; covering: Covering; count: number } {
  const faults: CheckpointFault[] = [];
  const covering: Covering = new Map();
  const sound = new Map<number, string>();
  const last = Math.max(published, ...places.flatMap(({ found }) => [...found.keys()]));
  for (const { name: place, found, bounded } of places) {
    const fault = (number: number, text: string) => faults.push({ place, number, text });
    const first = bounded ? Math.min(last + 1, ...found.keys()) : 1;
    for (let number = first; number <= last; number++) {
      const text = found.get(number);
      if (text === undefined) {
        fault(number, "is not there");
        continue;
      }
      const checkpoint = checked(keys, cluster, number, text);
      if (typeof checkpoint === "string") {
        fault(number, checkpoint);
        continue;
      }
      const before = found.get(number - 1);
      if (before !== undefined && checkpoint.previous !== digestOf(before)) fault(number, "does not follow the one before it");
      const other = sound.get(number);
      if (other !== undefined && other !== text) fault(number, "is another one than elsewhere, though both are signed");
      sound.set(number, text);
      enter(covering, checkpoint);
    }
  }
  return { faults, covering, count: sound.size };
}

/** @returns the checkpoint, or what is wrong with it */
function checked(keys: AuditKeys, cluster: string, number: number, text: string): Checkpoint | string {
  try {
    const { signature, ...body } = JSON.parse(text) as Checkpoint;
    if (!keys.verify(canonical(body), signature)) return "is not signed by this cluster: it was changed";
    if (body.number !== number || body.cluster !== cluster) return `is number ${body.number} of ${body.cluster}, put in another's place`;
    return { ...body, signature };
  } catch {
    return "can't be read: it was changed";
  }
}

function enter(covering: Covering, { number, chains }: Checkpoint): void {
  for (const { tenantId, position, hash } of chains) {
    const known = covering.get(tenantId) ?? new Map<number, { hash: string; number: number }>();
    known.set(position, { hash, number });
    covering.set(tenantId, known);
  }
}

const none: Expected["covered"] = new Map();
export const coveredOf = (covering: Covering, tenantId: string): Expected["covered"] => covering.get(tenantId) ?? none;
