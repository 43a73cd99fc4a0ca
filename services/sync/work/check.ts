import type { Spec } from "../sources/source.ts";
import type { Work } from "./work.ts";

/** Whether a place can be used: listed as a source, or written to. @throws SOURCE_* */
const check: Work<{ place: Spec; purpose: "read" | "write" }, void> = async ({ place, purpose }, door) => {
  const opened = purpose === "read" ? await door.source(place) : await door.destination(place);
  await opened.check(door.signal);
};
export default check;
