import type { ErrorCode, ErrorFrame } from './wire.js';
/** What went wrong on this side: nobody answered in time, too much waits to be sent, or the client was closed. */
export type LocalCode = 'client.timeout' | 'client.full' | 'client.closed';
/** A command that was refused, by the server or, with a code that begins with `client.`, here. */
export declare class CommandError extends Error {
    readonly code: ErrorCode | LocalCode;
    readonly retryable: boolean;
    readonly retryAfter: number | null;
    readonly details: Record<string, unknown>;
    readonly name = "CommandError";
    constructor(code: ErrorCode | LocalCode, message: string, retryable?: boolean, retryAfter?: number | null, details?: Record<string, unknown>);
    static of(frame: ErrorFrame): CommandError;
}
