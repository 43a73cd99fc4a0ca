import type { SchemaName } from "../../config/names.ts";
import { actTable } from "./Act.ts";
import { actorTable } from "./Actor.ts";
import { actorMessageTable } from "./ActorMessage.ts";
import { deadLetterTable } from "./DeadLetter.ts";
import { eventTable } from "./Event.ts";
import { idempotencyKeyTable } from "./IdempotencyKey.ts";
import { inboxTable } from "./Inbox.ts";
import { outboxTable } from "./Outbox.ts";
import { streamTable } from "./Stream.ts";

/** The tables that durable work needs in every service's schema. */
export const durableTables = (schema: SchemaName) => [
  eventTable(schema),
  streamTable(schema),
  outboxTable(schema),
  inboxTable(schema),
  deadLetterTable(schema),
  idempotencyKeyTable(schema),
  actorTable(schema),
  actorMessageTable(schema),
  actTable(schema),
];
