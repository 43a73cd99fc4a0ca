import { caller } from "../../config/action.ts";
import type { Session } from "../../config/permissions.ts";
import { errors } from "../../config/errors.ts";

export interface Person {
  userId: string;
  tenantId: string;
  session: Session;
}

/** The caller, who has to be a person that has signed in. @throws FORBIDDEN for keys and services */
export function person(ctx: object): Person {
  const { userId, tenantId, session } = caller(ctx);
  if (!userId || !session) throw errors.forbidden("Only a person who has signed in can do this.");
  return { userId, tenantId, session };
}
