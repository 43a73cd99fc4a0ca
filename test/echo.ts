import { ServiceBroker } from "moleculer";
import Type from "typebox";
import { strict } from "../config/action.ts";
import { errors } from "../config/errors.ts";
import options from "../moleculer.config.ts";

// A node with the real configuration and a service whose actions succeed, fail and dawdle, for suites that kill it.
const broker = new ServiceBroker(options);
const name = { params: strict({ text: Type.String() }), permission: "public" };
let calls = 0;
broker.createService({
  name: "echo",
  settings: { visible: "to every node" },
  actions: {
    safe: { ...name, idempotent: true, handler: () => broker.nodeID } as never,
    once: {
      ...name,
      handler: () => {
        calls++;
        throw errors.unavailable("Busy.");
      },
    } as never,
    again: {
      ...name,
      idempotent: true,
      handler: () => {
        calls++;
        throw errors.unavailable("Busy.");
      },
    } as never,
    calls: { ...name, handler: () => calls } as never,
    slow: { ...name, timeout: 100, handler: () => new Promise((resolve) => setTimeout(resolve, 400)) } as never,
    broken: {
      ...name,
      handler: () => {
        throw new Error("insert into users values ('secret@example.com')");
      },
    } as never,
    refused: {
      ...name,
      handler: () => {
        throw errors.jobNotFound("There is no such job.", { id: "7" });
      },
    } as never,
  },
});
await broker.start();
process.once("SIGINT", () => void broker.stop().finally(() => process.exit()));
process.once("disconnect", () => process.exit());
process.send?.({ what: "ready", owner: broker.nodeID });
