import type { ErrorCode, ErrorFrame } from './wire.js'

/** What went wrong on this side: nobody answered in time, too much waits to be sent, or the client was closed. */
export type LocalCode = 'client.timeout' | 'client.full' | 'client.closed'

/** A command that was refused, by the server or, with a code that begins with `client.`, here. */
export class CommandError extends Error {
  override readonly name = 'CommandError'

  constructor (
    readonly code: ErrorCode | LocalCode,
    message: string,
    readonly retryable = false,
    readonly retryAfter: number | null = null,
    readonly details: Record<string, unknown> = {}
  ) {
    super(message)
  }

  static of (frame: ErrorFrame): CommandError {
    const { code, message, retryable, retry_after_ms: wait, details } = frame
    return new CommandError(code as ErrorCode, message, retryable, wait, details)
  }
}
