import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Notifications, type Client, type NotificationInfo, type Room } from '../src/index.js'
import { Scripted, live, settled } from './scripted.js'

const ROOM = 'user:u1'

let client: Client
let inbox: Notifications
let told: string[]

const note = (id: string): NotificationInfo => ({ id, title: id }) as NotificationInfo
const event = (seq: number, type: string, data: object): object => ({ type: `notification:${type}`, room: ROOM, epoch: 'e', seq, at: '', by: {}, data })
const created = (seq: number, id: string, unread: number): object => event(seq, 'created', { notification: note(id), unread })
const ids = (): string[] => inbox.list.map(({ id }) => id)

function subscribed (seq: number, unread: string[], changes: object = {}): void {
  const data = { room: ROOM, epoch: 'e', seq, recovered: 'none', unread: unread.length, notifications: unread.map(note), more: false, topics: [] }
  Scripted.last.ack(Scripted.last.asked('notification:subscribe'), { ...data, ...changes })
}

beforeEach(async () => {
  vi.useFakeTimers()
  client = await live()
  inbox = new Notifications(client, 'u1', ['approval.*'])
  told = []
  inbox.on('told', ({ id }) => told.push(id))
})
afterEach(() => {
  client.close()
  vi.useRealTimers()
})

describe('notifications', () => {
  it('begin with what is unread, and tell what comes', () => {
    expect(Scripted.last.asked('notification:subscribe').data).toEqual({ topics: ['approval.*'] })
    subscribed(2, ['b', 'a'])
    expect(inbox.unread).toBe(2)
    Scripted.last.say(created(3, 'c', 3), event(4, 'skipped', {}), created(5, 'a', 3))
    expect(ids()).toEqual(['a', 'c', 'b'])
    expect(inbox.unread).toBe(3)
    expect(told).toEqual(['c', 'a'])
    expect(Scripted.last.of('notification:subscribe')).toHaveLength(1)
  })

  it('are read here, and on other devices', async () => {
    subscribed(2, ['c', 'b', 'a'])
    const read = inbox.read(['b'])
    Scripted.last.ack(Scripted.last.asked('notification:read'), { read: 1, unread: 2 }, { room: ROOM, epoch: 'e', seq: 3 })
    await read
    expect(ids()).toEqual(['c', 'a'])
    Scripted.last.say(event(4, 'read', { ids: ['c'], all: false, unread: 1 }))
    expect(ids()).toEqual(['a'])
    Scripted.last.say(event(5, 'read', { ids: [], all: true, unread: 0 }))
    expect([inbox.unread, ids()]).toEqual([0, []])
  })

  it('can be read all at once', async () => {
    subscribed(2, ['a'])
    const read = inbox.read('all')
    expect(Scripted.last.asked('notification:read').data).toEqual({ all: true })
    Scripted.last.ack(Scripted.last.asked('notification:read'), { read: 1, unread: 0 })
    await read
    expect(ids()).toEqual([])
  })

  it('tell after a break what was told meanwhile', async () => {
    subscribed(2, ['a'])
    Scripted.last.end(1006)
    await vi.advanceTimersByTimeAsync(60_000)
    Scripted.last.welcome()
    expect(Scripted.last.asked('notification:subscribe').data).toMatchObject({ since: { epoch: 'e', seq: 2 } })
    subscribed(4, ['c', 'b', 'a'], { recovered: 'full' })
    Scripted.last.say(created(3, 'b', 2), created(4, 'c', 3))
    expect(told).toEqual(['b', 'c'])
    expect([inbox.unread, ids()]).toEqual([3, ['c', 'b', 'a']])
  })

  it('share the room with whoever else is in it', async () => {
    inbox.destroy()
    await settled()
    const room: Room = client.room(ROOM)
    const heard: number[] = []
    room.on('event', ({ seq }) => heard.push(seq))
    expect(Scripted.last.of('room:join')).toHaveLength(1)
    inbox = new Notifications(client, 'u1')
    subscribed(2, ['a'])
    expect(room.can('write')).toBe(false)
    Scripted.last.say(created(3, 'b', 2))
    expect([heard, ids()]).toEqual([[3], ['b', 'a']])
    inbox.destroy()
    expect(Scripted.last.of('room:leave')).toHaveLength(1)
    room.leave()
    expect(Scripted.last.of('room:leave')).toHaveLength(2)
  })
})
