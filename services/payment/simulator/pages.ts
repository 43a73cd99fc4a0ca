import { approvalPage, sendBack } from "./approval.ts";
import { approveOrder } from "./orders.ts";
import type { Reply } from "./replies.ts";
import { type Call, open, type Route } from "./routes.ts";
import type { World } from "./world.ts";

function decide(world: World, { query, request }: Call): Reply {
  const order = world.orders.find(query.get("token") ?? "");
  if (!order) return approvalPage(order);
  const agreed = new URLSearchParams(request.text).get("action") === "approve";
  if (agreed) approveOrder(world, order.id);
  return sendBack(order, agreed);
}

/** What payers see in their browser. */
export const pageRoutes = (world: World): Route[] => [
  open("GET /checkoutnow", ({ query }) => approvalPage(world.orders.find(query.get("token") ?? ""))),
  open("POST /checkoutnow", (call) => decide(world, call)),
];
