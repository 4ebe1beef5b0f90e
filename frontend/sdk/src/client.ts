/** The connection: one socket, found again whenever it is lost, on which every command is answered exactly once. */

import { ObservableV2 } from 'lib0/observable'
import { uuidv4 } from 'lib0/random'
import { BACKOFF, pause, verdict } from './backoff.js'
import { CommandQueue, type Answer, type Pending, type SendOptions, type Unsaved } from './commands.js'
import { CommandError } from './errors.js'
import { Pulse } from './pulse.js'
import { Room, type Ask, type Ephemeral, type RoomEvent } from './room.js'
import type { ClientEvents, ClientOptions, Socket, State, Status } from './status.js'
import { Rest } from './rest.js'
import type { EditStore } from './store.js'
import type { Ack, Acks, Commands, Connected, ErrorFrame, Notices, ServerPing } from './wire.js'

/** What the server sends: answers, what is about the connection, and what is of a room. */
type Incoming =
  | { type: 'ack' } & Ack
  | { type: 'error' } & ErrorFrame
  | { type: 'ping' } & ServerPing
  | { [K in keyof Notices]: { type: K, data: Notices[K] } }[keyof Notices]
  | RoomEvent
  | Ephemeral

/** Calls those who listen; one who fails ends nothing here, and is heard of all the same. */
function safely (call: () => void): void {
  try {
    call()
  } catch (error) {
    queueMicrotask(() => { throw error })
  }
}

const OPEN = 1
const FAREWELL = 1000
const PATIENCE = { token: 30, hello: 30, wake: 5 } // seconds
const LOOK = 5_000 // milliseconds between two looks at the time of day
const STEADY = 10_000 // milliseconds after which a connection is taken for a good one
const WAKING = ['online', 'offline', 'pageshow', 'visibilitychange']
// Refused for a moment, with nothing wrong with the command; some of them without a word how long to wait.
const MOMENTARY = new Set<string>(['rate.limited', 'storage.busy', 'storage.unavailable', 'server.draining'])
const MOMENT = 1_000 // milliseconds
const SLOWER = 250 // milliseconds: at the end of each such moment the server refuses one more command, which is no abuse

/**
 * A user's connection to a server, which is found again whenever it is lost. Everything goes over it: commands (`send`),
 * rooms (`room`) and documents (DocumentProvider).
 */
export class Client extends ObservableV2<{ [K in keyof ClientEvents]: ClientEvents[K] }> {
  /** How the connection is. */
  status: Status = { state: 'offline', code: null, reason: '', next: null }
  /** What the server said when it let us in; null while it has not. */
  connected: Connected | null = null
  /** Tells this client from others of the same user, and stays the same over reconnects. */
  readonly instance = uuidv4() // crypto.randomUUID is for pages over HTTPS only
  /** Whose client it is, from the first connection on: nobody else's edits are sent for them. */
  user: string | null = null
  /** REST calls with the same token. */
  readonly rest: Rest
  /** @internal */
  readonly store: EditStore | null
  /** @internal Who else has something unsaved. */
  readonly writers = new Set<{ readonly unsaved: Unsaved }>()

  private readonly url: string
  private readonly queue = new CommandQueue(this.instance.slice(0, 8))
  private readonly rooms = new Map<string, Room>()
  /** What is wanted in rooms that are entered for notifications. */
  private readonly topics = new Map<string, string[]>()
  private readonly pulse = new Pulse(() => this.lost(0, 'silence'))
  private socket: Socket | null = null
  private clock: ReturnType<typeof setTimeout> | undefined
  private looking: ReturnType<typeof setInterval> | undefined
  private attempt = 0
  private tries = 0
  private refusals = 0
  private since = 0

  constructor (private readonly options: ClientOptions) {
    super()
    this.url = (options.url ?? location.origin).replace(/\/$/, '')
    this.rest = new Rest(this.url, () => this.token())
    this.store = options.store ?? null
  }

  // --- the connection ------------------------------------------------------------------------------------------

  /** Connects, and stays connected until `close`; after `stopped`, tries once more. */
  connect (): void {
    if (this.status.state === 'offline' || this.status.state === 'stopped') {
      this.tries = this.refusals = 0
      this.watch(true)
      this.turn('connecting')
      void this.open()
    }
  }

  /** Ends the connection. Commands that wait are given up; edits of documents stay, for `connect`. */
  close (): void {
    this.end()
    this.turn('offline', { next: null })
    this.queue.clear(new CommandError('client.closed', 'The client was closed.'))
    this.tell()
  }

  /** Closes for good: nothing is listened to any more. */
  override destroy (): void {
    this.close()
    super.destroy()
  }

  /** Tries again at once, where the next try is still to come. */
  readonly hurry = (): void => {
    if (this.status.next !== null) {
      clearTimeout(this.clock)
      void this.open()
    }
  }

  private async open (): Promise<void> {
    const attempt = ++this.attempt
    this.turn(this.status.state, { next: null })
    let token: string
    try {
      token = await this.token()
    } catch (error) {
      if (attempt !== this.attempt) return
      const { code, message } = CommandError.from(error, 'client.token')
      if (code.startsWith('auth.')) this.lost(4401, code)
      else this.lost(0, message)
      return
    }
    if (attempt !== this.attempt) return // closed, or opened again
    const Socket = this.options.WebSocket ?? WebSocket
    let socket: Socket
    try {
      socket = this.socket = new Socket(`${this.url.replace(/^http/, 'ws')}/ws/`)
    } catch (error) {
      this.lost(0, String(error)) // the page may not, or it is no address
      return
    }
    const { name = 'bduf-sdk', version = '0' } = this.options
    socket.onopen = () => socket.send(JSON.stringify({
      type: 'hello',
      id: 'hello',
      data: {
        token,
        client: { name, version, instance: this.instance },
        capabilities: ['batch'],
        timezone: Intl.DateTimeFormat().resolvedOptions().timeZone
      }
    }))
    socket.onmessage = ({ data }: { data: unknown }) => { if (socket === this.socket) this.receive(String(data)) }
    socket.onclose = ({ code, reason }: { code: number, reason: string }) => { if (socket === this.socket) this.lost(code, reason) }
    socket.onerror = () => {} // the close says it; without this, `ws` ends the process
    this.pulse.allow(PATIENCE.hello)
  }

  private async token (): Promise<string> {
    let clock: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_resolve, reject) => {
      clock = setTimeout(() => reject(new CommandError('client.token', 'There was no token in time.', true)), PATIENCE.token * 1000)
    })
    try {
      return await Promise.race([this.options.token(), late])
    } finally {
      clearTimeout(clock)
    }
  }

  /** Ends a socket, and forgets it at once: browsers take their time to say that it is closed. */
  private drop (): void {
    const socket = this.socket
    this.attempt++
    this.socket = this.connected = null
    this.pulse.stop()
    socket?.close(FAREWELL)
    for (const room of this.rooms.values()) safely(() => room.lost())
    this.queue.lost()
  }

  /** Drops the connection, and does not look for another. */
  private end (): void {
    this.watch(false)
    clearTimeout(this.clock)
    this.drop()
  }

  private lost (code: number, reason: string): void {
    if (this.connected !== null && Date.now() - this.since > STEADY) this.tries = 0
    const { back, token, wait } = verdict(code, reason)
    this.refusals = token ? this.refusals + 1 : this.refusals
    if (!back || this.refusals > 1) { // the second token in a row was refused, too
      this.end()
      this.turn('stopped', { code, reason, next: null })
      return
    }
    this.drop()
    const delay = pause(this.tries++, wait, this.options.backoff ?? BACKOFF)
    this.turn('reconnecting', { code, reason, next: Date.now() + delay })
    this.clock = setTimeout(() => { void this.open() }, delay)
  }

  /** Notices that the computer has slept, that a network came or went, or that somebody looks at the page again. */
  private watch (on: boolean): void {
    clearInterval(this.looking)
    if (on) this.looking = setInterval(this.look, LOOK)
    if (typeof addEventListener !== 'function') return // Node
    for (const name of WAKING) (on ? addEventListener : removeEventListener)(name, this.wake)
  }

  private readonly look = (): void => {
    this.pulse.look()
    if (this.status.next !== null && Date.now() > this.status.next) this.hurry()
  }

  private readonly wake = ({ type }: { type: string }): void => {
    this.look()
    if (type === 'visibilitychange' && document.visibilityState === 'hidden') return
    if (type !== 'offline') this.hurry()
    if (this.connected !== null) { // if it is still there, it says so soon
      this.write(JSON.stringify({ type: 'ping', id: 'wake' }))
      this.pulse.allow(Math.min(PATIENCE.wake, this.connected.heartbeat.timeout))
    }
  }

  private turn (state: State, changes: Partial<Status> = {}): void {
    this.status = { ...this.status, ...changes, state }
    safely(() => this.emit('status', [this.status]))
  }

  // --- commands ------------------------------------------------------------------------------------------------

  /** Sends a command, at once or when there is a connection, until it is answered; rejects with CommandError. */
  send<T extends keyof Commands> (type: T, data: Commands[T], options: SendOptions = {}): Promise<Answer<Acks[T]>> {
    const answer = new Promise<Answer<Acks[T]>>((resolve, reject) => this.queue.add(type, data, options, { resolve, reject }))
    this.flush()
    if (options.durable === true) {
      this.tell()
      answer.then(this.tell, this.tell)
    }
    return answer
  }

  /** Sends something of which only the latest is of interest, if there is a connection. */
  whisper<T extends keyof Commands> (type: T, data: Commands[T]): void {
    if (this.connected !== null) this.write(JSON.stringify({ type, data }))
  }

  /** A room, which is joined now and whenever the connection is back, until it is left as often as it was asked for. */
  room (name: string): Room {
    let room = this.rooms.get(name)
    if (room === undefined) {
      room = new Room(name, this.askFor, () => {
        this.rooms.delete(name)
        this.topics.delete(name)
        if (this.connected !== null) this.send('room:leave', { room: name }, { once: true }).catch(() => {})
      })
      this.rooms.set(name, room)
      if (this.connected !== null) room.join()
    }
    room.wanted++
    return room
  }

  /** @internal The user's own room, in which notifications about these topics are told. */
  own (name: string, topics: string[]): Room {
    this.topics.set(name, topics)
    const known = this.rooms.get(name)
    if (this.connected !== null) known?.refresh() // it was entered without them
    return this.room(name)
  }

  /** What the server has not confirmed yet: durable commands, and edits of documents. */
  get unsaved (): Unsaved {
    let { since, count } = this.queue.unsaved
    let kept = 0
    for (const { unsaved } of this.writers) {
      count += unsaved.count
      kept += unsaved.kept
      if (unsaved.since !== null) since = Math.min(since ?? Infinity, unsaved.since)
    }
    return { since, count, kept }
  }

  /** @internal */
  readonly tell = (): void => {
    this.emit('unsaved', [this.unsaved])
  }

  private readonly askFor: Ask = (data, told) => {
    if (this.connected === null) return // every room is joined when it is there
    // Before whatever waits: that may need the room.
    const topics = this.topics.get(data.room)
    const pending = topics === undefined
      ? this.queue.add('room:join', data, { once: true }, told)
      : this.queue.add<Acks['notification:subscribe']>('notification:subscribe', { topics, since: data.since }, { once: true }, {
        resolve: answer => told.resolve({ ...answer, data: { members: [], role: '', permissions: [], ...answer.data } }),
        reject: told.reject
      })
    if (pending !== null) this.post(pending)
  }

  private flush (): void {
    if (this.connected === null) return
    for (const pending of this.queue.due()) this.post(pending)
  }

  private post (pending: Pending): void {
    if (this.write(pending.frame)) pending.place = 'sent'
  }

  private write (frame: string): boolean {
    if (this.socket?.readyState !== OPEN) return false
    this.socket.send(frame)
    return true
  }

  // --- what comes in -------------------------------------------------------------------------------------------

  private receive (text: string): void {
    const read = JSON.parse(text) as Incoming | Incoming[]
    if (this.connected !== null) this.pulse.allow(this.connected.heartbeat.timeout)
    for (const message of Array.isArray(read) ? read : [read]) safely(() => this.take(message))
  }

  private take (message: Incoming): void {
    switch (message.type) {
      case 'ping':
        this.write(JSON.stringify({ type: 'pong', id: message.id, data: {} }))
        break
      case 'ack':
        this.answered(message)
        break
      case 'error':
        this.refused(message)
        break
      case 'connected':
        this.welcomed(message.data)
        break
      case 'auth:expiring':
        void this.refresh()
        break
      case 'server.draining':
        this.turn('draining')
        break
      default:
        if ('room' in message) this.rooms.get(message.room)?.take(message)
    }
  }

  private welcomed (connected: Connected): void {
    this.user ??= connected.user.id
    if (connected.user.id !== this.user) { // somebody else has signed in since
      this.end()
      this.turn('stopped', { code: 4401, reason: 'auth.identity_change', next: null })
      return
    }
    this.connected = connected
    this.refusals = 0
    this.since = Date.now()
    this.pulse.allow(connected.heartbeat.timeout)
    this.turn('live', { code: null, reason: '' })
    for (const room of this.rooms.values()) room.join()
    this.flush()
    this.emit('connected', [connected])
  }

  private answered ({ id, data, room, epoch, seq }: Ack): void {
    if (room != null && epoch != null && seq != null) this.rooms.get(room)?.advance(epoch, seq)
    const where = room == null ? {} : { room, ...(epoch == null ? {} : { epoch }), ...(seq == null ? {} : { seq }) }
    this.queue.take(id)?.told.resolve({ data: data as never, ...where })
    this.flush()
  }

  private refused (frame: ErrorFrame): void {
    const error = CommandError.of(frame)
    const pending = this.queue.get(frame.id ?? '')
    if (frame.id === 'hello' && error.code.startsWith('msg.')) {
      this.lost(0, error.code) // the server waits for another hello; after `auth.…` it closes, and says more
    } else if (pending === undefined) {
      this.emit('error', [error])
    } else if (MOMENTARY.has(error.code)) {
      // The same command again, under the same id.
      const tooFast = error.code === 'rate.limited'
      this.queue.hold(pending, tooFast)
      setTimeout(() => {
        if (pending.place === 'held') pending.place = 'waiting'
        this.flush()
      }, Math.max(error.retryAfter ?? MOMENT, tooFast ? SLOWER : 0))
    } else {
      this.queue.take(pending.id)?.told.reject(error)
      this.flush()
    }
  }

  private async refresh (): Promise<void> {
    try {
      await this.send('auth:refresh', { token: await this.token() }, { once: true })
    } catch (error) {
      // Without another token the server ends the connection, and the next one asks for it again.
      const said = CommandError.from(error, 'client.token')
      if (said.code !== 'client.closed') this.emit('error', [said])
    }
  }
}
