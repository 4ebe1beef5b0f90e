/** When to come back after a connection has ended, and when not to. Pure. */
export interface Backoff {
    /** Longest wait before the first try, in milliseconds; it doubles with each that fails. */
    base: number;
    /** Longest wait of all, in milliseconds. */
    cap: number;
}
export declare const BACKOFF: Backoff;
/** What a close means for the client: to stay away, to come back with a fresh token, or to come back. */
export interface Verdict {
    back: boolean;
    /** The token was refused: another one is needed first. */
    token: boolean;
    /** The server asks to wait that long, in milliseconds. */
    wait: number;
}
/** Reads a close code and its reason, `code;retry_ms=…`. */
export declare function verdict(code: number, reason: string): Verdict;
/** Returns how long to wait before a try, in milliseconds: full jitter, so that a thousand clients come back spread out. */
export declare function pause(tries: number, wait: number, { base, cap }?: Backoff, random?: () => number): number;
