import { afterEach, describe, expect, it, vi } from 'vitest'
import { CommandError, Rest } from '../src/index.js'

const rest = new Rest('http://server.test', () => 'token')

function answer (body: string, status = 200): ReturnType<typeof vi.fn> {
  const fetch = vi.fn(async () => new Response(status === 204 ? null : body, { status }))
  vi.stubGlobal('fetch', fetch)
  return fetch
}

afterEach(() => { vi.unstubAllGlobals() })

describe('a REST call', () => {
  it('carries the token, and JSON both ways', async () => {
    const fetch = answer('{"id":"1"}')
    expect(await rest.post('projects/', { name: 'Ledger' })).toEqual({ id: '1' })
    expect(fetch).toHaveBeenCalledWith('http://server.test/api/v1/projects/', expect.objectContaining({
      method: 'POST',
      headers: { Authorization: 'Bearer token', 'Content-Type': 'application/json' },
      body: '{"name":"Ledger"}'
    }))
  })

  it('may have no answer to read', async () => {
    answer('', 204)
    expect(await rest.delete('projects/1/')).toBeUndefined()
  })

  it('rejects with what the server says, and how long to wait', async () => {
    answer('{"code":"rate.limited","message":"Slowly.","details":{"retry_after_ms":250}}', 429)
    const error = await rest.get('me/').catch((error: unknown) => error)
    expect(error).toBeInstanceOf(CommandError)
    expect(error).toMatchObject({ code: 'rate.limited', message: 'Slowly.', retryable: true, retryAfter: 250 })
  })

  it('makes sense of an answer that is no JSON', async () => {
    answer('<h1>Bad gateway</h1>', 502)
    await expect(rest.get('me/')).rejects.toMatchObject({ code: 'internal', message: 'HTTP 502', retryable: true })
  })

  it('rejects alike when nobody answers', async () => {
    vi.stubGlobal('fetch', async () => { throw new TypeError('fetch failed') })
    await expect(rest.get('me/')).rejects.toMatchObject({ code: 'client.network', message: 'fetch failed', retryable: true })
  })
})
