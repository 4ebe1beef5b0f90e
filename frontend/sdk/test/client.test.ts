import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CommandError, type Status, type Unsaved } from '../src/index.js'
import { Scripted, connecting, live, settled, type Sent } from './scripted.js'

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

  it('tries again when a token does not come', async () => {
    const token = vi.fn(() => new Promise<string>(() => {}))
    const client = await connecting({ token })
    await vi.advanceTimersByTimeAsync(30_000)
    expect(client.status).toMatchObject({ state: 'reconnecting', reason: 'There was no token in time.' })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(token).toHaveBeenCalledTimes(2)
    client.destroy()
  })

  it('gives up when it is told that there is no token', async () => {
    const client = await connecting({ token: () => { throw new CommandError('auth.invalid', 'Signed out.') } })
    expect(client.status.state).toBe('reconnecting')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(client.status).toMatchObject({ state: 'stopped', code: 4401, reason: 'auth.invalid' })
    expect(Scripted.sockets).toHaveLength(0)
  })

  it('tries again when it is closed before it is let in, and keeps what waits', async () => {
    const client = await connecting()
    void client.send('collaboration:message:send', SAY)
    Scripted.last.open().end(4508, 'hello.timeout')
    await vi.advanceTimersByTimeAsync(1_000)
    Scripted.last.welcome()
    expect(Scripted.last.of('collaboration:message:send')).toHaveLength(1)
  })

  it('tries again when the server makes nothing of its hello', async () => {
    const client = await connecting({ token: () => '' })
    Scripted.last.open().refuse(Scripted.last.asked('hello'), 'msg.bad_value')
    expect(client.status).toMatchObject({ state: 'reconnecting', reason: 'msg.bad_value' })
    client.destroy()
  })

  it('tries again when no socket can be made', async () => {
    const client = await connecting({ WebSocket: class { constructor () { throw new Error('not allowed') } } as never })
    expect(client.status).toMatchObject({ state: 'reconnecting', code: 0, reason: 'Error: not allowed' })
    client.destroy()
  })

  it.each([4400, 4406, 4412, 4423])('stays away after %i until it is asked to try again, and keeps what waits', async code => {
    const client = await live()
    Scripted.last.end(code)
    void client.send('collaboration:message:send', SAY)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(client.status).toMatchObject({ state: 'stopped', code, next: null })
    client.connect()
    await settled()
    Scripted.last.welcome()
    expect(client.status.state).toBe('live')
    expect(Scripted.last.of('collaboration:message:send')).toHaveLength(1)
  })

  it('waits longer from one time to the next when it is never let in for long', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1)
    const client = await live()
    const waits: number[] = []
    for (let time = 0; time < 4; time++) {
      Scripted.last.end(1006)
      waits.push((client.status.next ?? 0) - Date.now())
      client.hurry()
      await settled()
      Scripted.last.welcome()
    }
    await vi.advanceTimersByTimeAsync(10_001)
    Scripted.last.end(1006)
    waits.push((client.status.next ?? 0) - Date.now())
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 500])
    vi.restoreAllMocks()
    client.destroy()
  })

  it('is there again after it was closed, with its rooms', async () => {
    const client = await live()
    const left = vi.fn()
    client.room(`session:${SAY.session}`).on('left', left)
    Scripted.last.ack(Scripted.last.asked('room:join'), { epoch: 'e', seq: 1, recovered: 'none' })
    client.close()
    expect(left.mock.calls).toEqual([[null]])
    client.connect()
    await settled()
    Scripted.last.welcome()
    expect(Scripted.last.asked('room:join').data).toMatchObject({ since: { epoch: 'e', seq: 1 } })
  })

  it('opens one socket when it is closed and opened while a token is on its way', async () => {
    const tokens: Array<(token: string) => void> = []
    const client = await connecting({ token: () => new Promise<string>(resolve => tokens.push(resolve)) })
    client.close()
    client.connect()
    for (const give of tokens) give('token')
    await settled()
    expect(Scripted.sockets).toHaveLength(1)
  })

  it('comes back even if somebody who listens fails', async () => {
    vi.stubGlobal('queueMicrotask', (job: () => void) => { try { job() } catch {} })
    const client = await live()
    const fail = (): void => { throw new Error('mine') }
    client.on('status', fail)
    client.on('connected', fail)
    client.room(`session:${SAY.session}`).on('left', fail)
    Scripted.last.ack(Scripted.last.asked('room:join'), { epoch: 'e', seq: 1, recovered: 'none' })
    Scripted.last.end(1006)
    await vi.advanceTimersByTimeAsync(1_000)
    Scripted.last.welcome()
    expect(client.status.state).toBe('live')
    expect(Scripted.last.of('room:join')).toHaveLength(1)
    vi.unstubAllGlobals()
  })

  it('leaves nothing behind', async () => {
    const client = await live()
    client.send('collaboration:message:send', SAY, { timeout: 5_000 }).catch(() => {})
    client.destroy()
    expect(vi.getTimerCount()).toBe(0)
    expect(Scripted.last.closedWith).toBe(1000)
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

  it('takes it for gone, too, when the time of day was put back', async () => {
    const client = await live()
    vi.setSystemTime(Date.now() - 3_600_000)
    await vi.advanceTimersByTimeAsync(45_500)
    expect(client.status.state).toBe('reconnecting')
  })

  it('notices that the computer has slept', async () => {
    const client = await live()
    await vi.advanceTimersByTimeAsync(20_000)
    Scripted.last.say({ type: 'ping', id: 'p1' })
    vi.setSystemTime(Date.now() + 3_600_000) // while clocks stood still
    await vi.advanceTimersByTimeAsync(6_000)
    expect(Scripted.sockets).toHaveLength(2)
    Scripted.last.welcome()
    expect(client.status.state).toBe('live')
    client.destroy()
  })

  it('swaps its token before it expires', async () => {
    let number = 0
    await live({ token: () => `token ${++number}` })
    Scripted.last.say({ type: 'auth:expiring', data: {} })
    await settled()
    expect(Scripted.last.asked('auth:refresh').data).toEqual({ token: 'token 2' })
  })
})

describe('in a browser', () => {
  let page: EventTarget & { visibilityState?: string }
  beforeEach(() => {
    page = new EventTarget()
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
    vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
    vi.stubGlobal('document', page)
  })
  afterEach(() => { vi.unstubAllGlobals() })

  it.each(['online', 'pageshow', 'visibilitychange'])('tries again at once on %s', async name => {
    const client = await live()
    Scripted.last.end(4503, 'server.draining;retry_ms=60000')
    page.dispatchEvent(new Event(name))
    await settled()
    expect(Scripted.sockets).toHaveLength(2)
    client.destroy()
  })

  it('asks at once whether the server is still there, and does not wait long for the answer', async () => {
    const client = await live()
    page.dispatchEvent(new Event('offline'))
    Scripted.last.say({ type: 'pong', id: Scripted.last.asked('ping').id, data: {} })
    await vi.advanceTimersByTimeAsync(6_000)
    expect(client.status.state).toBe('live')
    page.dispatchEvent(new Event('visibilitychange'))
    await vi.advanceTimersByTimeAsync(5_000)
    expect(client.status).toMatchObject({ state: 'reconnecting', reason: 'silence' })
    client.destroy()
  })

  it('does not ask when the page is hidden', async () => {
    const client = await live()
    page.visibilityState = 'hidden'
    page.dispatchEvent(new Event('visibilitychange'))
    expect(Scripted.last.of('ping')).toHaveLength(0)
    client.destroy()
  })

  it('does not listen to the page any more when it was closed', async () => {
    const client = await live()
    client.destroy()
    for (const name of ['online', 'offline', 'pageshow', 'visibilitychange']) page.dispatchEvent(new Event(name))
    expect(Scripted.sockets).toHaveLength(1)
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

  it('that was refused for a moment is sent once over the next connection', async () => {
    const client = await live()
    const answer = client.send('collaboration:message:send', SAY)
    Scripted.last.refuse(Scripted.last.asked('collaboration:message:send'), 'server.draining', { retryable: true })
    Scripted.last.end(4503)
    client.hurry()
    await settled()
    Scripted.last.welcome()
    await vi.advanceTimersByTimeAsync(2_000)
    expect(Scripted.last.of('collaboration:message:send')).toHaveLength(1)
    Scripted.last.ack(Scripted.last.asked('collaboration:message:send'))
    await answer
  })

  it('rejects when its id was used for another', async () => {
    const client = await live()
    const answer = client.send('collaboration:message:send', SAY)
    Scripted.last.end(1006)
    await vi.advanceTimersByTimeAsync(1_000)
    Scripted.last.welcome().refuse(Scripted.last.asked('collaboration:message:send'), 'msg.id_conflict')
    await expect(answer).rejects.toMatchObject({ code: 'msg.id_conflict' })
  })

  it('waits for answers to those before it when many are sent, in order', async () => {
    const client = await connecting()
    const answers = Array.from({ length: 200 }, (_, number) => client.send('collaboration:message:send', { ...SAY, body: String(number) }))
    Scripted.last.welcome()
    const sent = (): Sent[] => Scripted.last.of('collaboration:message:send')
    expect(sent()).toHaveLength(64)
    for (let number = 0; number < 200; number++) Scripted.last.ack(sent()[number]!)
    await Promise.all(answers)
    expect(sent().map(({ data }) => Number(data['body']))).toEqual(answers.map((_, number) => number))
  })

  it('waits longer when the server says that it is too fast', async () => {
    const client = await live()
    const answers = Array.from({ length: 70 }, () => client.send('collaboration:message:send', SAY))
    const sent = (): Sent[] => Scripted.last.of('collaboration:message:send')
    for (const command of sent().slice(0, 5)) Scripted.last.refuse(command, 'rate.limited', { retryable: true, retry_after_ms: 100 })
    for (const command of sent().slice(5, 64)) Scripted.last.ack(command)
    expect(sent()).toHaveLength(64)
    await vi.advanceTimersByTimeAsync(249)
    expect(sent()).toHaveLength(64)
    await vi.advanceTimersByTimeAsync(1)
    for (let number = 64; number < 75; number++) { // one after another
      expect(sent()).toHaveLength(number + 1)
      Scripted.last.ack(sent()[number]!)
    }
    await Promise.all(answers)
    void client.send('collaboration:message:send', SAY)
    void client.send('collaboration:message:send', SAY)
    expect(sent()).toHaveLength(77)
  })

  it('is answered even if somebody who listens fails on what came before', async () => {
    const thrown: unknown[] = []
    vi.stubGlobal('queueMicrotask', (job: () => void) => { try { job() } catch (error) { thrown.push(error) } })
    const client = await live()
    client.room(`session:${SAY.session}`).on('ephemeral', () => { throw new Error('mine') })
    const answer = client.send('collaboration:message:send', SAY)
    Scripted.last.say(
      { type: 'collaboration:signal:sent', room: `session:${SAY.session}`, data: {} },
      { type: 'ack', id: Scripted.last.asked('collaboration:message:send').id, data: {} }
    )
    await answer
    expect(thrown).toEqual([new Error('mine')])
    vi.unstubAllGlobals()
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
    expect(told).toEqual([{ since: 10_000, count: 1, kept: 0 }, { since: null, count: 0, kept: 0 }])
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
