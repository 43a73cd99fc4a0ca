/** No server sends larger packets; what claims to be one is not SFTP. */
const LARGEST = 2 ** 20;

/** Cuts a stream of packets, each preceded by its length, into messages. @throws Error when a length can't be one */
export function messages(hear: (message: Buffer) => void): (chunk: Buffer) => void {
  let head: Buffer = Buffer.alloc(0);
  let body: Buffer | undefined;
  let filled = 0;
  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      if (body) {
        const got = chunk.copy(body, filled, at);
        filled += got;
        at += got;
        if (filled < body.length) return;
        const whole = body;
        body = undefined;
        hear(whole);
        continue;
      }
      if (head.length || chunk.length - at < 4) {
        const more = chunk.subarray(at, at + 4 - head.length);
        head = Buffer.concat([head, more]);
        at += more.length;
        if (head.length < 4) return;
      } else {
        head = chunk.subarray(at, at + 4);
        at += 4;
      }
      const length = head.readUInt32BE(0);
      head = Buffer.alloc(0);
      if (length < 5 || length > LARGEST) throw new Error(`a packet of ${length} bytes came`);
      if (chunk.length - at >= length) {
        hear(chunk.subarray(at, at + length));
        at += length;
      } else {
        body = Buffer.allocUnsafe(length);
        filled = 0;
      }
    }
  };
}
