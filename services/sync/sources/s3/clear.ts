import type { ListMultipartUploadsCommandInput, ListMultipartUploadsCommandOutput } from "@aws-sdk/client-s3";
import { PART_LIFE } from "../part.ts";
import type { Connection } from "./connection.ts";
import { keyOf } from "./listed.ts";
import type { S3Spec } from "./place.ts";

/** Clearing takes this long at most, milliseconds; the next check goes on. */
const CLEARING = 10_000;

/**
 * Ends uploads below the spec's prefix whose writer was killed: begun by who has our credentials, and with no part sent for a day. Nothing
 * tells them from uploads that another program of the same identity gave up.
 * @param own id of an upload of ours, by which the listing shows who we are
 */
export async function clearUploads(connection: Connection, spec: S3Spec, own: string, signal?: AbortSignal): Promise<void> {
  const patience = AbortSignal.timeout(CLEARING);
  const until = signal ? AbortSignal.any([signal, patience]) : patience;
  const begun = Date.now() - PART_LIFE;
  let self: string | undefined;
  const left: { Key: string; UploadId: string; by: string | undefined }[] = [];
  let place: Pick<ListMultipartUploadsCommandInput, "KeyMarker" | "UploadIdMarker"> | undefined = {};
  while (place) {
    const request: ListMultipartUploadsCommandInput = { ...connection.target, Prefix: spec.prefix, EncodingType: "url", ...place };
    const page: ListMultipartUploadsCommandOutput = await connection.ask(spec.uri, until, ({ sdk, client }) =>
      client.send(new sdk.ListMultipartUploadsCommand(request), { abortSignal: until }),
    );
    for (const { Key, UploadId = "", Initiated, Initiator } of page.Uploads ?? []) {
      if (UploadId === own) self = Initiator?.ID;
      else if (Initiated && Initiated.getTime() < begun) left.push({ Key: keyOf(Key), UploadId, by: Initiator?.ID });
    }
    place = page.IsTruncated ? { KeyMarker: keyOf(page.NextKeyMarker), UploadIdMarker: page.NextUploadIdMarker } : undefined;
  }
  for (const { by, ...upload } of left) {
    if (self === undefined || by !== self || (await isAlive(connection, upload, begun, until))) continue;
    await connection.ask(upload.Key, until, ({ sdk, client }) =>
      client.send(new sdk.AbortMultipartUploadCommand({ ...connection.target, ...upload }), { abortSignal: until }),
    );
  }
}

/** Whether a part has been sent since: an upload of terabytes may take more than a day. */
async function isAlive(
  connection: Connection,
  upload: { Key: string; UploadId: string },
  since: number,
  signal: AbortSignal,
): Promise<boolean> {
  for (let after: string | undefined; ;) {
    const request = { ...connection.target, ...upload, ...(after && { PartNumberMarker: after }) };
    const { Parts, IsTruncated, NextPartNumberMarker } = await connection.ask(upload.Key, signal, ({ sdk, client }) =>
      client.send(new sdk.ListPartsCommand(request), { abortSignal: signal }),
    );
    if (Parts?.some(({ LastModified }) => LastModified && LastModified.getTime() > since)) return true;
    if (!IsTruncated) return false;
    after = NextPartNumberMarker;
  }
}
