/**
 * The text of one member of a JSON object, byte for byte as it stands there: PayPal checks signatures over that, not over what it parses to.
 * @returns undefined when the object has no such member.
 */
export function memberText(json: string, member: string): string | undefined {
  let depth = 0;
  let start = -1;
  for (let at = 0; at < json.length; at++) {
    const character = json[at]!;
    if (character === '"') {
      const end = endOfString(json, at);
      const isKey = depth === 1 && start < 0 && /^\s*:/.test(json.slice(end + 1, end + 20)) && json.slice(at + 1, end) === member;
      at = end;
      if (isKey) {
        at = json.indexOf(":", end);
        start = at + 1;
      }
    } else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    const isOver = start >= 0 && ((depth === 1 && character === ",") || depth === 0);
    if (isOver) return json.slice(start, at).trim();
  }
  return undefined;
}

function endOfString(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    if (json[at] === "\\") at++;
    else if (json[at] === '"') return at;
  }
  return json.length;
}
