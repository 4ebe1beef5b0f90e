/** REST calls of the same user. */

import { CommandError } from './errors.js'
import type { ErrorCode } from './wire.js'

const TIMEOUT = 30_000 // milliseconds

/** Calls below `/api/v1/`. Whatever goes wrong, they reject with CommandError; `client.network` where nobody answers. */
export class Rest {
  constructor (private readonly url: string, private readonly token: () => string | Promise<string>) {}

  /** Reads. */
  get<T> (path: string): Promise<T> { return this.call<T>('GET', path) }
  /** Makes, or does. */
  post<T> (path: string, body?: unknown): Promise<T> { return this.call<T>('POST', path, body) }
  /** Changes. */
  patch<T> (path: string, body: unknown): Promise<T> { return this.call<T>('PATCH', path, body) }
  /** Deletes. */
  delete (path: string): Promise<void> { return this.call('DELETE', path) }

  /** Reads a file. */
  blob (path: string): Promise<Blob> { return this.fetch('GET', path, undefined, answer => answer.blob()) }

  /** Calls with any method, and reads JSON. */
  async call<T> (method: string, path: string, body?: unknown): Promise<T> {
    const text = await this.fetch(method, path, body, answer => answer.text())
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  private async fetch<T> (method: string, path: string, body: unknown, read: (answer: Response) => Promise<T>): Promise<T> {
    try {
      const headers: Record<string, string> = { Authorization: `Bearer ${await this.token()}` }
      if (body !== undefined) headers['Content-Type'] = 'application/json'
      const answer = await fetch(`${this.url}/api/v1/${path}`, {
        method,
        headers,
        signal: AbortSignal.timeout(TIMEOUT),
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
      if (answer.ok) return await read(answer)
      // A proxy's page is no JSON.
      const { code = 'internal', message = `HTTP ${answer.status}`, details = {} } = await answer.json().catch(() => ({})) as Refusal
      const wait = details['retry_after_ms']
      throw new CommandError(code, message, answer.status === 429 || answer.status >= 500, typeof wait === 'number' ? wait : null, details)
    } catch (error) {
      throw CommandError.from(error, 'client.network')
    }
  }
}

interface Refusal {
  code?: ErrorCode
  message?: string
  details?: Record<string, unknown>
}
