import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CommandError, type Status, type Unsaved } from '../src/index.js'
import { Scripted, connecting, live, settled } from './scripted.js'

const SAY = { session: '00000000-0000-4000-8000-000000000001', body: 'Hello' }

beforeEach(() => { vi.useFakeTimers() })
afterEach(() => { vi.useRealTimers() })

describe('connecting', () => {
  it('says hello with the token and who it is', async () => {
    const client = await connecting({ name: 'web', version: '2.0' })
    Scripted.last.open()
    expect(Scripted.last.url).toBe('ws://server.test/ws/')
    expect(Scripted.last.asked('hello').data).toMatchObject({
      token: 'token',
      client: { name: 'web', version: '2.0', instance: client.instance },
      capabilities: ['batch']
    })
  })

  it('goes through its states', async () => {
    const states: string[] = []
    const client = await connecting()
    client.on('status', ({ state }: Status) => states.push(state))
    Scripted.last.welcome()
    Scripted.last.say({ type: 'server.draining', data: {} })
    Scripted.last.end(4503, 'server.draining;retry_ms=100')
    await vi.advanceTimersByTimeAsync(1_000)
    Scripted.last.welcome()
    client.close()
    expect(states.filter((state, nth) => state !== states[nth - 1])).toEqual(['live', 'draining', 'reconnecting', 'live', 'offline'])
  })

  it('waits as long as the server asks it to', async () => {
    const client = await live()
    Scripted.last.end(4503, 'server.draining;retry_ms=5000')
    await vi.advanceTimersByTimeAsync(4_999)
    expect(Scripted.sockets).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(600)
    expect(Scripted.sockets).toHaveLength(2)
    client.close()
  })

  it('does not wait where somebody is in a hurry', async () => {
    const client = await live()
    Scripted.last.end(4503, 'server.draining;retry_ms=5000')
    client.hurry()
    await settled()
    expect(Scripted.sockets).toHaveLength(2)
  })

  it('stays away when it is told to, and says why', async () => {
    const client = await live()
    Scripted.last.end(4403, 'room.removed')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(Scripted.sockets).toHaveLength(1)
    expect(client.status).toMatchObject({ state: 'stopped', code: 4403, reason: 'room.removed' })
  })

  it('asks for another token when one is refused, and gives up when that is refused too', async () => {
    const token = vi.fn(() => 'token')
    const client = await connecting({ token })
    Scripted.last.open().end(4401, 'auth.expired')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(token).toHaveBeenCalledTimes(2)
    Scripted.last.open().end(4401, 'auth.expired')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(client.status.state).toBe('stopped')
  })

  it('tries again when no token can be had', async () => {
    let online = false
    const client = await connecting({ token: async () => { if (!online) throw new Error('no network'); return 'token' } })
    expect(client.status).toMatchObject({ state: 'reconnecting', reason: 'no network' })
    online = true
    await vi.advanceTimersByTimeAsync(1_000)
    expect(Scripted.sockets).toHaveLength(1)
  })

  it('takes a server for gone that says nothing', async () => {
    const client = await live()
    await vi.advanceTimersByTimeAsync(44_000)
    Scripted.last.say({ type: 'ping', id: 'p1' })
    expect(Scripted.last.asked('pong').id).toBe('p1')
    await vi.advanceTimersByTimeAsync(44_000)
    expect(client.status.state).toBe('live')
    await vi.advanceTimersByTimeAsync(1_500)
    expect(client.status.state).toBe('reconnecting')
  })

  it('swaps its token before it expires', async () => {
    let number = 0
    await live({ token: () => `token ${++number}` })
    Scripted.last.say({ type: 'auth:expiring', data: {} })
    await settled()
    expect(Scripted.last.asked('auth:refresh').data).toEqual({ token: 'token 2' })
  })
})

describe('a command', () => {
  it('is answered once', async () => {
    const client = await live()
    const answer = client.send('collaboration:message:send', SAY)
    Scripted.last.ack(Scripted.last.asked('collaboration:message:send'), { ok: 1 }, { room: 'session:1', epoch: 'e', seq: 4 })
    await expect(answer).resolves.toEqual({ data: { ok: 1 }, room: 'session:1', epoch: 'e', seq: 4 })
  })

  it('rejects with what the server says', async () => {
    const client = await live()
    const answer = client.send('collaboration:message:send', SAY)
    Scripted.last.refuse(Scripted.last.asked('collaboration:message:send'), 'perm.denied', { details: { need: 'write' } })
    await expect(answer).rejects.toMatchObject({ code: 'perm.denied', details: { need: 'write' } })
    await expect(answer).rejects.toBeInstanceOf(CommandError)
  })

  it('is sent again under the same id when the connection was lost', async () => {
    const client = await live()
    const answer = client.send('collaboration:message:send', SAY, { durable: true })
    const first = Scripted.last.asked('collaboration:message:send')
    Scripted.last.end(1006)
    await vi.advanceTimersByTimeAsync(1_000)
    Scripted.last.welcome()
    const again = Scripted.last.asked('collaboration:message:send')
    expect(again).toEqual(first)
    Scripted.last.ack(again)
    await answer
    expect(client.unsaved.count).toBe(0)
  })

  it('is sent again when the server is busy', async () => {
    const client = await live()
    const answer = client.send('collaboration:message:send', SAY)
    const command = Scripted.last.asked('collaboration:message:send')
    Scripted.last.refuse(command, 'storage.busy', { retryable: true, retry_after_ms: 500 })
    await vi.advanceTimersByTimeAsync(500)
    expect(Scripted.last.of('collaboration:message:send')).toEqual([command, command])
    Scripted.last.ack(command)
    await answer
  })

  it('comes after the joins of the rooms that it may need', async () => {
    const client = await live()
    client.room(`session:${SAY.session}`)
    void client.send('collaboration:message:send', SAY)
    Scripted.last.end(1006)
    await vi.advanceTimersByTimeAsync(1_000)
    Scripted.last.welcome()
    expect(Scripted.last.sent.map(({ type }) => type)).toEqual(['hello', 'room:join', 'collaboration:message:send'])
  })

  it('waits for a connection, in order', async () => {
    const client = await connecting()
    void client.send('collaboration:message:send', { ...SAY, body: 'one' })
    void client.send('collaboration:message:send', { ...SAY, body: 'two' })
    Scripted.last.welcome()
    expect(Scripted.last.of('collaboration:message:send').map(({ data }) => data['body'])).toEqual(['one', 'two'])
  })

  it('tells since when it is not saved', async () => {
    vi.setSystemTime(10_000)
    const client = await live()
    const told: Unsaved[] = []
    client.on('unsaved', (unsaved: Unsaved) => told.push(unsaved))
    void client.send('collaboration:message:send', SAY, { durable: true })
    Scripted.last.ack(Scripted.last.asked('collaboration:message:send'))
    await settled()
    expect(told).toEqual([{ since: 10_000, count: 1 }, { since: null, count: 0 }])
  })

  it('is given up after its time, and when the client is closed', async () => {
    const client = await live()
    const late = client.send('collaboration:message:send', SAY, { timeout: 1_000 })
    const never = client.send('collaboration:message:send', SAY)
    const both = Promise.allSettled([late, never])
    await vi.advanceTimersByTimeAsync(1_000)
    client.close()
    expect((await both).map(outcome => outcome.status === 'rejected' && outcome.reason.code)).toEqual(['client.timeout', 'client.closed'])
  })

  it('is refused when too much waits', async () => {
    const client = await connecting()
    const many = Array.from({ length: 5_001 }, () => client.send('collaboration:message:send', SAY))
    await expect(many.at(-1)).rejects.toMatchObject({ code: 'client.full' })
    void Promise.allSettled(many)
    client.close()
  })
})
