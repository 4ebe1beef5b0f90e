import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Client, Joined, Room, RoomEvent } from '../src/index.js'
import { Scripted, live, settled } from './scripted.js'

const NAME = 'session:00000000-0000-4000-8000-000000000001'

let client: Client
let room: Room
let seen: number[]
let joins: string[]

const event = (seq: number, epoch = 'e'): object => ({ type: 'collaboration:message:sent', room: NAME, epoch, seq, at: '', by: {}, data: {} })

function joined (seq: number, changes: object = {}): void {
  const data = { room: NAME, epoch: 'e', seq, recovered: 'none', members: [], role: 'participant', permissions: ['read', 'write'], state: {} }
  Scripted.last.ack(Scripted.last.asked('room:join'), { ...data, ...changes })
}

beforeEach(async () => {
  vi.useFakeTimers()
  client = await live()
  room = client.room(NAME)
  seen = []
  joins = []
  room.on('event', ({ seq }: RoomEvent) => seen.push(seq))
  room.on('joined', ({ recovered }: Joined) => joins.push(recovered))
})
afterEach(() => {
  client.close()
  vi.useRealTimers()
})

describe('a room', () => {
  it('is joined, and tells every event in order', () => {
    joined(3)
    Scripted.last.say(event(4), event(5))
    expect(joins).toEqual(['none'])
    expect(seen).toEqual([4, 5])
    expect(room.can('write')).toBe(true)
    expect(room.can('manage_settings')).toBe(false)
  })

  it('tells nothing twice', () => {
    joined(3)
    Scripted.last.say(event(4), event(4), event(2))
    expect(seen).toEqual([4])
  })

  it('counts the ack of an own command as its event', async () => {
    joined(3)
    void client.send('collaboration:message:send', { session: NAME.slice(8), body: 'mine' })
    Scripted.last.ack(Scripted.last.asked('collaboration:message:send'), {}, { room: NAME, epoch: 'e', seq: 4 })
    Scripted.last.say(event(5))
    expect(seen).toEqual([5])
    expect(Scripted.last.of('room:join')).toHaveLength(1)
  })

  it('asks for what it missed when a number is left out', () => {
    joined(3)
    Scripted.last.say(event(4), event(7), event(8))
    expect(Scripted.last.of('room:join')).toHaveLength(2)
    expect(Scripted.last.asked('room:join').data).toMatchObject({ since: { epoch: 'e', seq: 4 } })
    joined(8, { recovered: 'full', state: undefined })
    Scripted.last.say(event(5), event(6), event(7), event(8), event(9))
    expect(seen).toEqual([4, 5, 6, 7, 8, 9])
  })

  it('takes events that follow a join in the same frame', () => {
    const { id } = Scripted.last.asked('room:join')
    const data = { room: NAME, epoch: 'e', seq: 3, recovered: 'none', members: [], role: 'owner', permissions: [], state: {} }
    Scripted.last.say({ type: 'ack', id, data }, event(4))
    expect(seen).toEqual([4])
    expect(Scripted.last.of('room:join')).toHaveLength(1)
  })

  it('goes on after a reconnect from where it was', async () => {
    joined(3)
    Scripted.last.say(event(4))
    Scripted.last.end(1006)
    expect(room.joined).toBeNull()
    await vi.advanceTimersByTimeAsync(1_000)
    Scripted.last.welcome()
    expect(Scripted.last.asked('room:join').data).toEqual({ room: NAME, since: { epoch: 'e', seq: 4 } })
    joined(6, { recovered: 'full', state: undefined })
    Scripted.last.say(event(5), event(6))
    expect(seen).toEqual([4, 5, 6])
  })

  it('begins anew from a snapshot', async () => {
    joined(3)
    Scripted.last.end(1006)
    await vi.advanceTimersByTimeAsync(1_000)
    Scripted.last.welcome()
    joined(1, { epoch: 'another', recovered: 'snapshot' })
    Scripted.last.say(event(2), event(2, 'another'))
    expect(joins).toEqual(['none', 'snapshot'])
    expect(seen).toEqual([2])
  })

  it('says why it cannot be joined', () => {
    const left = vi.fn()
    room.on('left', left)
    Scripted.last.refuse(Scripted.last.asked('room:join'), 'session.join_pending')
    expect(left).toHaveBeenCalledWith(expect.objectContaining({ code: 'session.join_pending' }))
    expect(room.error?.code).toBe('session.join_pending')
  })

  it('is entered once, however often it is asked for before there is a connection', async () => {
    client.close()
    room.refresh()
    client.room(NAME).refresh()
    client.connect()
    await settled()
    Scripted.last.welcome()
    expect(Scripted.last.of('room:join')).toHaveLength(1)
  })

  it('may be left while it is entered, and entered again', () => {
    const asked = Scripted.last.asked('room:join')
    room.leave()
    room.leave() // once too often
    const again = client.room(NAME)
    Scripted.last.ack(asked, { room: NAME, epoch: 'e', seq: 3, recovered: 'none', state: {} })
    expect(joins).toEqual([])
    expect(again.joined).toBeNull()
    expect(Scripted.last.sent.slice(1).map(({ type }) => type)).toEqual(['room:join', 'room:leave', 'room:join'])
    joined(3)
    expect(again.joined?.seq).toBe(3)
  })

  it('keeps where the cursors of others are, until they are gone or the connection is', () => {
    joined(3)
    const cursors = (...list: object[]): void => Scripted.last.say({ type: 'collaboration:cursor:moved', room: NAME, data: { cursors: list } })
    cursors({ connection: 'a', position: {} }, { connection: 'b', position: {} })
    cursors({ connection: 'a', position: null })
    expect([...room.cursors.keys()]).toEqual(['b'])
    Scripted.last.end(1006)
    expect(room.cursors.size).toBe(0)
  })

  it('is left when nobody here uses it any more', async () => {
    joined(3)
    const same = client.room(NAME)
    expect(same).toBe(room)
    room.leave()
    expect(Scripted.last.of('room:leave')).toHaveLength(0)
    same.leave()
    expect(Scripted.last.of('room:leave')).toHaveLength(1)
    await settled()
    expect(client.room(NAME)).not.toBe(room)
  })
})
