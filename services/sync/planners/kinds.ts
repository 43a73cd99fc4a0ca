import type { JobKind } from "../../../config/states.ts";
import type { Planner } from "./planner.ts";
import { mirrorPlanner, restorePlanner } from "./push.ts";
import { syncPlanner } from "./sync.ts";

/** Kinds of jobs that make a plan. */
export const planners: Partial<Record<JobKind, Planner>> = { sync: syncPlanner, mirror: mirrorPlanner, restore: restorePlanner };
