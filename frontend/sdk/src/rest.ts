/** REST calls of the same user. */

import { CommandError } from './errors.js'
import type { ErrorCode } from './wire.js'

export class Rest {
  constructor (private readonly url: string, private readonly token: () => string | Promise<string>) {}

  get<T> (path: string): Promise<T> { return this.call<T>('GET', path) }
  post<T> (path: string, body?: unknown): Promise<T> { return this.call<T>('POST', path, body) }
  patch<T> (path: string, body: unknown): Promise<T> { return this.call<T>('PATCH', path, body) }
  delete (path: string): Promise<void> { return this.call('DELETE', path) }

  /** Reads a file. */
  async blob (path: string): Promise<Blob> { return (await this.fetch('GET', path)).blob() }

  /** Calls `/api/v1/…`; rejects with CommandError. */
  async call<T> (method: string, path: string, body?: unknown): Promise<T> {
    const text = await (await this.fetch(method, path, body)).text()
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  private async fetch (method: string, path: string, body?: unknown): Promise<Response> {
    const headers: Record<string, string> = { Authorization: `Bearer ${await this.token()}` }
    if (body !== undefined) headers['Content-Type'] = 'application/json'
    const answer = await fetch(`${this.url}/api/v1/${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    if (answer.ok) return answer
    // A proxy's page is no JSON.
    const said = await answer.json().catch(() => ({})) as { code?: string, message?: string, details?: Record<string, unknown> }
    const again = answer.status === 429 || answer.status >= 500
    throw new CommandError((said.code ?? 'internal') as ErrorCode, said.message ?? `HTTP ${answer.status}`, again, null, said.details)
  }
}
