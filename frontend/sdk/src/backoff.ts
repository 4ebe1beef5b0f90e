/** When to come back after a connection has ended, and when not to. Pure. */

/** How long to wait between tries. */
export interface Backoff {
  /** Longest wait before the first try, in milliseconds; it doubles with each that fails. */
  base: number
  /** Longest wait of all, in milliseconds. */
  cap: number
}

/** How long to wait where nobody says otherwise. */
export const BACKOFF: Backoff = { base: 500, cap: 30_000 }

/** What a close means for the client: to stay away, to come back with a fresh token, or to come back. */
export interface Verdict {
  back: boolean
  /** The token was refused: another one is needed first. */
  token: boolean
  /** The server asks to wait that long, in milliseconds. */
  wait: number
}

/** Reads a close code and its reason, `code;retry_ms=…`. */
export function verdict (code: number, reason: string): Verdict {
  const wait = Number(/retry_ms=(\d{1,7})/.exec(reason)?.[1] ?? 0)
  const token = code === 4401
  return { back: token || code < 4400 || code >= 4500, token, wait }
}

/** Returns how long to wait before a try, in milliseconds: full jitter, so that a thousand clients come back spread out. */
export function pause (tries: number, wait: number, { base, cap }: Backoff = BACKOFF, random: () => number = Math.random): number {
  return wait + random() * Math.min(cap, base * 2 ** Math.min(tries, 20))
}
