import { expect, test } from "@jest/globals";
import { loadServices } from "./services.ts";

test("names that are no services are refused together, beside the names that are", async () => {
  await expect(loadServices(["sink", "auth", "pay"])).rejects.toThrow(
    "SERVICES names sink, pay; expected some of api, auth, sync, ai, payment",
  );
});

test("a node that would host nothing is refused", async () => {
  await expect(loadServices([])).rejects.toThrow("SERVICES names no service");
});
