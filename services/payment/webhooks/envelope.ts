import { errors } from "../../../config/errors.ts";

/** What every event of PayPal's says, whatever it is about. */
export interface Envelope {
  eventId: string;
  type: string;
  resourceType: string;
  resource: Record<string, unknown>;
  at: Date;
}

/**
 * Reads an event. What it tells is nobody's word before its delivery was verified.
 * @throws REQUEST_MALFORMED
 */
export function readEnvelope(body: Buffer): Envelope {
  let event: unknown;
  try {
    event = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    throw errors.malformed("The body is not JSON in UTF-8.", undefined, error);
  }
  const read = envelopeOf(event);
  if (!read) throw errors.malformed("The body is not an event of PayPal's: id, event_type, create_time or resource is missing.");
  return read;
}

/** Null when it is no event. */
export function envelopeOf(value: unknown): Envelope | null {
  if (!isObject(value)) return null;
  const { id, event_type: type, resource_type: resourceType, create_time: created, resource } = value;
  if (typeof id !== "string" || id === "" || id.length > 255 || typeof type !== "string" || !isObject(resource)) return null;
  const at = new Date(typeof created === "string" ? created : NaN);
  if (Number.isNaN(at.getTime())) return null;
  return { eventId: id, type, resourceType: typeof resourceType === "string" ? resourceType : "", resource, at };
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
