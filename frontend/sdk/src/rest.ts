/** REST calls of the same user. */

import { CommandError } from './errors.js'
import type { ErrorCode } from './wire.js'

export class Rest {
  constructor (private readonly url: string, private readonly token: () => string | Promise<string>) {}

  get<T> (path: string): Promise<T> { return this.call<T>('GET', path) }
  post<T> (path: string, body?: unknown): Promise<T> { return this.call<T>('POST', path, body) }
  patch<T> (path: string, body: unknown): Promise<T> { return this.call<T>('PATCH', path, body) }
  delete (path: string): Promise<void> { return this.call('DELETE', path) }

  /** Calls `/api/v1/…`; rejects with CommandError. */
  async call<T> (method: string, path: string, body?: unknown): Promise<T> {
    const headers: Record<string, string> = { Authorization: `Bearer ${await this.token()}` }
    if (body !== undefined) headers['Content-Type'] = 'application/json'
    const answer = await fetch(`${this.url}/api/v1/${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const text = await answer.text()
    if (answer.ok) return (text === '' ? undefined : JSON.parse(text)) as T
    let said: { code?: string, message?: string, details?: Record<string, unknown> } = {}
    try {
      said = JSON.parse(text) as typeof said
    } catch { /* a proxy's page */ }
    const again = answer.status === 429 || answer.status >= 500
    throw new CommandError((said.code ?? 'internal') as ErrorCode, said.message ?? `HTTP ${answer.status}`, again, null, said.details)
  }
}
