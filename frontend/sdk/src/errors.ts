import type { ErrorCode, ErrorFrame } from './wire.js'

/**
 * What went wrong on this side: nobody answered in time, too much waits to be sent, the client was closed or lost its
 * connection, REST could not be reached, or no token could be had.
 */
export type LocalCode = 'client.timeout' | 'client.full' | 'client.closed' | 'client.network' | 'client.token'

/** A command that was refused, by the server or, with a code that begins with `client.`, here. */
export class CommandError extends Error {
  override readonly name = 'CommandError'

  constructor (
    /** What it is, for programs. */
    readonly code: ErrorCode | LocalCode,
    /** What it is, for people. */
    message: string,
    /** Whether the same command may succeed later. */
    readonly retryable = false,
    /** How long the server asks to wait before, in milliseconds. */
    readonly retryAfter: number | null = null,
    /** What there is to know about it; depends on the code. */
    readonly details: Record<string, unknown> = {}
  ) {
    super(message)
  }

  /** An error frame of the server's as an error. */
  static of (frame: ErrorFrame): CommandError {
    const { code, message, retryable, retry_after_ms: wait, details } = frame
    return new CommandError(code as ErrorCode, message, retryable, wait, details as Record<string, unknown>)
  }

  /** Anything that was thrown as such an error; what is none has the given code. */
  static from (thrown: unknown, code: LocalCode): CommandError {
    return thrown instanceof CommandError ? thrown : new CommandError(code, thrown instanceof Error ? thrown.message : String(thrown), true)
  }
}
