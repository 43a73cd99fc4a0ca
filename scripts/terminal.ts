const begin = Date.now();

/** Prints a line with the seconds since the command began. */
export function say(line: string): void {
  const seconds = ((Date.now() - begin) / 1000).toFixed(1).padStart(5);
  console.log(
    line
      .split("\n")
      .map((part, index) => (index ? `        ${part}` : `${seconds} s ${part}`))
      .join("\n"),
  );
}

/** Ends the command with a sentence instead of a stack: for failures that the user can mend. */
export function giveUp(error: unknown): never {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

/** A size in the unit a person would use. */
export function size(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power ? 1 : 0)} ${units[power]}`;
}

/**
 * A progress bar: redrawn in place on a terminal, a line per step of ten percent where output goes to a file.
 */
export function progressBar(label: string): { update(percent: number, detail: string): void; end(detail: string): void } {
  const width = 30;
  let shown = -1;
  const draw = (percent: number, detail: string) => {
    const filled = Math.round((Math.max(0, Math.min(100, percent)) / 100) * width);
    return `${label} [${"#".repeat(filled)}${".".repeat(width - filled)}] ${percent.toFixed(0).padStart(3)} % ${detail}`;
  };
  return {
    update(percent, detail) {
      if (process.stdout.isTTY)
        process.stdout.write(`\r\u001b[2K        ${draw(percent, detail).slice(0, (process.stdout.columns || 80) - 9)}`);
      else if (Math.floor(percent / 10) > shown) {
        shown = Math.floor(percent / 10);
        say(draw(percent, detail));
      }
    },
    end(detail) {
      if (process.stdout.isTTY) process.stdout.write("\r\u001b[2K");
      say(draw(100, detail));
    },
  };
}
