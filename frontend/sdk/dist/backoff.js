/** When to come back after a connection has ended, and when not to. Pure. */
export const BACKOFF = { base: 500, cap: 30_000 };
/** Reads a close code and its reason, `code;retry_ms=…`. */
export function verdict(code, reason) {
    const wait = Number(/retry_ms=(\d{1,7})/.exec(reason)?.[1] ?? 0);
    const token = code === 4401;
    return { back: token || code < 4400 || code >= 4500, token, wait };
}
/** Returns how long to wait before a try, in milliseconds: full jitter, so that a thousand clients come back spread out. */
export function pause(tries, wait, { base, cap } = BACKOFF, random = Math.random) {
    return wait + random() * Math.min(cap, base * 2 ** Math.min(tries, 20));
}
//# sourceMappingURL=backoff.js.map