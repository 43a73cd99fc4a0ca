import { Readable } from "node:stream";
import type { ListObjectsV2CommandInput } from "@aws-sdk/client-s3";
import { Parser } from "htmlparser2";
import type { Bucket } from "../../../../mixins/vault/bucket.ts";
import { keyOf, type Listed } from "./listed.ts";

/** A page of a bucket's listing. */
export interface ListedPage {
  objects: Listed[];
  /** Where the next one begins. */
  next: string | undefined;
}

/**
 * Asks for a page by the SDK, which signs, backs off and tries again, but reads a good answer itself, piece by piece as it comes: the SDK
 * would make a text of it, a tree of that, and objects of the tree, a megabyte of garbage for each page.
 * @throws as the SDK
 */
export async function askPage(
  { sdk, client }: Bucket,
  request: ListObjectsV2CommandInput,
  signal: AbortSignal | undefined,
): Promise<ListedPage> {
  let page: ListedPage = { objects: [], next: undefined };
  const command = new sdk.ListObjectsV2Command(request);
  command.middlewareStack.add(
    (next) => async (args) => {
      const step = await next(args);
      const response = step.response as { statusCode: number; body: Readable };
      if (response.statusCode === 200) {
        page = await readPage(response.body);
        response.body = Readable.from([NOTHING]);
      }
      return step;
    },
    // Innermost: before the SDK's own reading.
    { step: "deserialize", priority: "low" },
  );
  await client.send(command, { abortSignal: signal });
  return page;
}

const NOTHING = Buffer.from("<ListBucketResult/>");

/** Of an object, and of the page. */
const texts = new Set(["Key", "LastModified", "ETag", "Size", "NextContinuationToken"]);

/** @throws Error, worth another attempt, for an answer that is cut off or no listing */
async function readPage(body: AsyncIterable<Buffer>): Promise<ListedPage> {
  const page: ListedPage = { objects: [], next: undefined };
  let object: Record<string, string> | undefined;
  let text: string | undefined;
  let complete = false;
  const parser = new Parser(
    {
      onopentagname(name) {
        if (name === "Contents") object = {};
        text = texts.has(name) ? "" : undefined;
      },
      ontext(data) {
        if (text !== undefined) text += data;
      },
      onclosetag(name) {
        if (name === "Contents" && object) {
          page.objects.push(listed(object));
          object = undefined;
        } else if (name === "ListBucketResult") complete = true;
        else if (text !== undefined) {
          if (object) object[name] = text;
          else if (name === "NextContinuationToken") page.next = text;
        }
        text = undefined;
      },
    },
    { xmlMode: true },
  );
  const decoder = new TextDecoder();
  for await (const chunk of body) parser.write(decoder.decode(chunk, { stream: true }));
  // Not told of its end the parser closes nothing by itself.
  if (!complete) throw Object.assign(new Error("its answer is no whole listing"), { code: "ECONNRESET" });
  return page;
}

function listed({ Key, LastModified, ETag, Size = "0" }: Record<string, string>): Listed {
  if (!/^\d{1,15}$/.test(Size)) throw new Error(`${JSON.stringify(Size)} is listed as a size`);
  const modified = new Date(LastModified ?? "");
  return { key: keyOf(Key), size: Number(Size), modified: Number.isNaN(modified.getTime()) ? undefined : modified, etag: ETag };
}
