import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

// A process: a server that has any number of files in one folder. GET /BUCKET?list-type=2 lists them as S3 does, page by page, GET /manifest one
// on each line, in an order of its own. Tells its parent the port.
const count = Number(process.argv[2]);
const modified = "2024-02-03T04:05:06.000Z";
const perPage = 1_000;
/** Has no factor in common with any number of files that is asked for. */
const stride = 15_485_863;

const nameOf = (i: number) => `All of them/IMG_${String(i).padStart(9, "0")}.jpg`;
const sizeOf = (i: number) => (i * 7919) % 5_000_000;

function bucket(query: URLSearchParams, response: ServerResponse): void {
  const from = Number(query.get("continuation-token") ?? 0);
  const to = Math.min(count, from + Math.min(perPage, Number(query.get("max-keys") ?? perPage)));
  const contents = Array.from({ length: to - from }, (_, i) => {
    const key = nameOf(from + i).replaceAll(" ", "+");
    return `<Contents><Key>${key}</Key><LastModified>${modified}</LastModified><ETag>&quot;${String(from + i).padStart(32, "0")}&quot;</ETag><Size>${sizeOf(from + i)}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
  });
  const next = to < count ? `<NextContinuationToken>${to}</NextContinuationToken>` : "";
  response.setHeader("content-type", "application/xml");
  response.end(`<ListBucketResult><IsTruncated>${to < count}</IsTruncated>${next}${contents.join("")}</ListBucketResult>`);
}

async function manifest(response: ServerResponse): Promise<void> {
  response.setHeader("etag", `"${count}"`);
  for (let from = 0; from < count && !response.destroyed; from += perPage) {
    const lines = Array.from({ length: Math.min(perPage, count - from) }, (_, i) => {
      const file = ((from + i) * stride) % count;
      return `${JSON.stringify({ path: nameOf(file), size: sizeOf(file), modifiedAt: modified })}\n`;
    });
    if (!response.write(lines.join(""))) await Promise.race([once(response, "drain"), once(response, "close")]);
  }
  response.end();
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url!, "http://host");
  if (pathname === "/manifest") void manifest(response);
  else bucket(searchParams, response);
});
server.listen(0, "127.0.0.1", () => process.send!({ port: (server.address() as AddressInfo).port }));
process.once("disconnect", () => process.exit());
