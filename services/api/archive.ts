import { pipeline } from "node:stream/promises";
import Type, { type Static } from "typebox";
import type { ServiceBroker } from "moleculer";
import { strict, uuid } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { begun } from "../../mixins/begun.ts";
import { serviceClaim } from "../../mixins/claim.ts";
import { readTicket, type Vault } from "../../mixins/vault/ticket.ts";
import { disposition } from "./download.ts";
import type { EdgeRequest, EdgeResponse } from "./exchange.ts";
import type { Gateway } from "./gateway.ts";
import { archiveName, archiveTime, inBlocks, packTar, packZip, type ArchiveEntry, type Packer } from "./packing.ts";
import { contentsOf, ticketOf } from "./peers.ts";

export const archiveParams = strict({
  sourceId: Type.Optional(uuid("The source whose assets are wanted.")),
  source: Type.Optional(Type.String({ maxLength: 4096, description: "Its URI as assets show it, instead of sourceId." })),
  prefix: Type.Optional(Type.String({ maxLength: 2048, description: "Only assets whose path starts with this." })),
  at: Type.Optional(Type.String({ format: "date-time", description: "The moment whose state is wanted; now when left out." })),
  format: Type.Optional(
    Type.Enum(["zip", "tar"], { default: "zip", description: "tar takes any number of files; zip is made for up to 100 000." }),
  ),
});

const formats: Record<"zip" | "tar", { pack: Packer; mediaType: string }> = {
  zip: { pack: packZip, mediaType: "application/zip" },
  tar: { pack: packTar, mediaType: "application/x-tar" },
};

/**
 * Streams an archive of a source's assets. The first content is opened and verified before the status line leaves; damage further on cuts
 * the connection before a false byte is sent, and an archive that was cut lacks its end.
 * @throws VALIDATION_FAILED, SOURCE_NOT_FOUND, VAULT_…
 */
export async function archive(
  { vault }: Gateway,
  broker: ServiceBroker,
  req: EdgeRequest,
  res: EdgeResponse,
  { format = "zip", ...wish }: Static<typeof archiveParams>,
): Promise<void> {
  // An archive may take longer than the caller's token lives, who was let in when it began.
  const claim = () => serviceClaim(env.CLUSTER_SECRET, "api", req.principal!.tenantId, ["assets:read"]);
  const entries = entriesOf(broker, vault!, claim, wish);
  const first = await entries.next();
  const { pack, mediaType } = formats[format];
  res.statusCode = 200;
  res.setHeader("Content-Type", mediaType);
  res.setHeader("Content-Disposition", disposition(`${titleOf(wish)}.${format}`));
  if (req.method === "HEAD" || req.gone) {
    await entries.return();
    return void res.end();
  }
  // Ends the reading when the client leaves, which is no failure, and the connection when the reading fails.
  await pipeline(inBlocks(pack(begun(first, entries))), res)
    .catch((error: NodeJS.ErrnoException) => {
      if (!req.gone || error.code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
    })
    // A generator that was never asked for anything does not run its `finally`: who left before the first byte would leave the first content open.
    .finally(() => entries.return());
}

type Wish = Omit<Static<typeof archiveParams>, "format">;

async function* entriesOf(
  broker: ServiceBroker,
  vault: Vault,
  claim: () => Promise<string>,
  wish: Wish,
): AsyncGenerator<ArchiveEntry, void, void> {
  for (let after: string | null = ""; after !== null;) {
    const page: Awaited<ReturnType<typeof contentsOf>> = await contentsOf(broker, await claim(), { ...wish, after });
    for (const { assetId, version, path, modifiedAt } of page.items) {
      const { ticket, size, name } = await ticketOf(broker, await claim(), assetId, version);
      const more = async (from: number) => (await ticketOf(broker, await claim(), assetId, version, from)).ticket;
      const content = await readTicket(ticket, vault, undefined, more);
      try {
        yield { name: archiveName(path, name), size, modifiedAt: archiveTime(modifiedAt), content };
      } finally {
        content.destroy();
      }
    }
    after = page.next;
  }
}

/** What the file is called: the folder that is wanted. */
const titleOf = ({ prefix = "" }: Wish): string => prefix.split("/").findLast(Boolean) ?? "assets";
