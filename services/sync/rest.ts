/** What a worker thread does when it has had nothing to do for a while, before its garbage is collected: lets go of what it kept for the next work. */
export const atRest: (() => void)[] = [];
