/** What a server says to a command (RFC 959 section 4.2). */
export interface Reply {
  code: number;
  /** Its words without the code, lines joined by '\n'; bytes as latin1. */
  text: string;
}

/** Longest reply; what sends more does not speak FTP. */
const LONGEST = 256 * 1024;

export interface ReplyParser {
  /** @throws Error on what can't be a reply */
  cut(chunk: Buffer): void;
  /** A reply has begun and not ended. */
  pending(): boolean;
}

/** Cuts what a server sends into replies. */
export function replyParser(hear: (reply: Reply) => void): ReplyParser {
  let rest = "";
  let begun: { code: string; lines: string[]; length: number } | undefined;

  const take = (line: string) => {
    const [, code = "", mark, words = ""] = /^(\d{3})(?:([ -])(.*))?$/s.exec(line) ?? [];
    if (begun) {
      begun.length += line.length;
      if (begun.length > LONGEST) throw new Error(`more than ${LONGEST} bytes came as one reply`);
      const last = code === begun.code && mark !== "-";
      begun.lines.push(last ? words : line);
      if (!last) return;
      const { lines } = begun;
      begun = undefined;
      return hear({ code: Number(code), text: lines.join("\n") });
    }
    if (!line.trim()) return;
    if (!code) throw new Error(`${JSON.stringify(line.slice(0, 80))} came as a reply`);
    if (mark === "-") begun = { code, lines: [words], length: line.length };
    else hear({ code: Number(code), text: words });
  };

  const cut = (chunk: Buffer) => {
    rest += chunk.toString("latin1");
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      const line = rest.slice(0, end).replace(/\r$/, "");
      rest = rest.slice(end + 1);
      take(line);
    }
    if (rest.length > LONGEST) throw new Error(`more than ${LONGEST} bytes came as one line`);
  };
  return { cut, pending: () => rest !== "" || begun !== undefined };
}
