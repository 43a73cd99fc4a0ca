import type { Em } from "./database.ts";
import type { Message } from "./mailbox.ts";

/**
 * Actors: PostgreSQL holds mailbox and lease, a bell from NATS says that there is work. `runner.ts` takes actors that have mail,
 * `ownership.ts` works off the mailbox of one.
 */

/** How long an owner that says nothing keeps an actor: the longest gap after a node was killed, milliseconds. */
export const leaseMs = 3_000;

/** What an actor's handler holds while it works. */
export interface Lease {
  key: string;
  /** The letter that is being handled. */
  messageId: string;
  tenantId: string;
  /** Aborted when the lease is lost or the node stops: leave without committing. */
  signal: AbortSignal;
  /** One transaction in the tenant's scope that also renews the lease and fails with LEASE_LOST when another node has taken over. */
  commit<T>(work: (em: Em) => Promise<T>): Promise<T>;
  /** Types of the letters that wait behind the current one: how a long run hears of "pause" and "cancel". */
  waiting(): Promise<string[]>;
  /**
   * Whether others wait that deserve the slot now. A long run then leaves at the next place from which it can go on, by throwing
   * `errors.yielded`; it is called again with the same letter when its turn comes, on any node.
   */
  crowded(): boolean;
}

/** An actor that has a slot of this node. */
export interface Held {
  key: string;
  tenantId: string;
  /** When it got the slot, milliseconds since 1970. */
  since: number;
}

/** Who of the actors of a kind is worked on. */
export interface Queue {
  /** Keys of actors with mail and nobody at work, the one that deserves a slot most first. Runs in the transaction that claims one of them. */
  choose(em: Em): Promise<string[]>;
  /** Which of this node's actors are to make room for others that wait. Asked several times a second. */
  crowded(em: Em, held: Held[]): Promise<Set<string>>;
  /** An actor has left its slot. */
  left(em: Em, held: Held): Promise<void>;
}

/** A kind of actor: its letters are handled one at a time per key, on any node. */
export interface ActorKind {
  kind: string;
  /** Actors one node works on at the same time. */
  slots: number;
  /** Who gets a slot; without it whoever waits, in no order. */
  queue?: Queue;
  /**
   * Types of letters that are handled in a moment, and that make a long letter before them end in a moment: an actor at rest with one of
   * them in its mailbox is worked on at once, beside the slots, until it has no more of them.
   */
  quick?: readonly string[];
  /** Does the work of a letter; what it returns runs in the transaction that takes the letter out of the mailbox. */
  receive(message: Message, lease: Lease): Promise<((em: Em) => Promise<void>) | void>;
  /** The letter was started too often without progress; leave the aggregate in a final state. */
  giveUp(message: Message, error: unknown, tenantId: string, key: string, em: Em): Promise<void>;
}
