/** The connection: one socket, found again whenever it is lost, on which every command is answered exactly once. */

import { ObservableV2 } from 'lib0/observable'
import { BACKOFF, pause, verdict, type Backoff } from './backoff.js'
import { CommandQueue, type Answer, type Pending, type SendOptions } from './commands.js'
import { CommandError } from './errors.js'
import { Room, type Ask } from './room.js'
import { Rest } from './rest.js'
import type { Acks, Commands, Connected, ErrorFrame } from './wire.js'

/**
 * - `offline`: not asked to connect.
 * - `connecting`: the first try, or another after the connection was lost (`reconnecting`).
 * - `live`: signed in; commands go out.
 * - `draining`: the server is about to stop; everything still works, and the client comes back by itself.
 * - `stopped`: the server does not want this client back; `reason` says why.
 */
export type State = 'offline' | 'connecting' | 'live' | 'draining' | 'reconnecting' | 'stopped'

export interface Status {
  state: State
  /** The code that a connection was last closed with, and its reason; of a refused sign-in, the error's code. */
  code: number | null
  reason: string
  /** When the next try is due. */
  next: number | null
}

export interface ClientOptions {
  /** Where the server is, e.g. `https://bduf.example`; by default where the page comes from. */
  url?: string
  /** Gives a token that is valid now; asked again whenever one expires. */
  token: () => string | Promise<string>
  name?: string
  version?: string
  backoff?: Backoff
  /** What opens sockets; `ws` in Node. */
  WebSocket?: new (url: string, protocols?: string | string[]) => WebSocket
}

export interface ClientEvents {
  status: (status: Status) => void
  /** How many commands wait whose loss the user would notice has changed. */
  unsaved: (count: number, since: number | null) => void
  connected: (connected: Connected) => void
  /** An error of the connection, or one that answers no command. */
  error: (error: CommandError) => void
}

interface Incoming {
  type: string
  id?: string | null
  room?: string
  epoch?: string
  seq?: number
  data?: never
}

const OPEN = 1
const FAREWELL = 1000

export class Client extends ObservableV2<{ [K in keyof ClientEvents]: ClientEvents[K] }> {
  status: Status = { state: 'offline', code: null, reason: '', next: null }
  /** What the server said when it let us in; null while it has not. */
  connected: Connected | null = null
  /** Tells this client from others of the same user, and stays the same over reconnects. */
  readonly instance = crypto.randomUUID()
  readonly rest: Rest

  private readonly url: string
  private readonly queue = new CommandQueue(this.instance.slice(0, 8))
  private readonly rooms = new Map<string, Room>()
  private socket: WebSocket | null = null
  private clock: ReturnType<typeof setTimeout> | undefined
  private silence: ReturnType<typeof setTimeout> | undefined
  private tries = 0
  private refusals = 0

  constructor (private readonly options: ClientOptions) {
    super()
    this.url = (options.url ?? location.origin).replace(/\/$/, '')
    this.rest = new Rest(this.url, options.token)
    if (typeof addEventListener === 'function') addEventListener('online', this.hurry)
  }

  // --- the connection ------------------------------------------------------------------------------------------

  /** Connects, and stays connected until `close`. */
  connect (): void {
    if (this.status.state === 'offline' || this.status.state === 'stopped') {
      this.tries = this.refusals = 0
      this.turn('connecting')
      void this.open()
    }
  }

  /** Ends the connection; what still waits is given up. */
  close (): void {
    if (typeof removeEventListener === 'function') removeEventListener('online', this.hurry)
    this.drop(FAREWELL)
    clearTimeout(this.clock)
    this.turn('offline')
    this.queue.clear(new CommandError('client.closed', 'The client was closed.'))
    this.tell()
  }

  /** Tries again at once, where the next try is still to come. */
  readonly hurry = (): void => {
    if (this.status.next !== null) {
      clearTimeout(this.clock)
      void this.open()
    }
  }

  private async open (): Promise<void> {
    this.turn(this.status.state, { next: null })
    let token: string
    try {
      token = await this.options.token()
    } catch (error) {
      this.lost(0, error instanceof Error ? error.message : String(error))
      return
    }
    if (this.status.state === 'offline' || this.socket !== null) return
    const Socket = this.options.WebSocket ?? WebSocket
    const socket = this.socket = new Socket(`${this.url.replace(/^http/, 'ws')}/ws/`)
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
    socket.onmessage = ({ data }) => { if (socket === this.socket) this.receive(String(data)) }
    socket.onclose = ({ code, reason }) => { if (socket === this.socket) this.lost(code, reason) }
    this.listen(30)
  }

  /** Ends a socket, and forgets it at once: browsers take their time to say that it is closed. */
  private drop (code: number): void {
    const socket = this.socket
    this.socket = this.connected = null
    clearTimeout(this.silence)
    socket?.close(code)
  }

  private lost (code: number, reason: string): void {
    this.drop(FAREWELL)
    for (const room of this.rooms.values()) room.lost()
    this.queue.lost()
    const { back, token, wait } = verdict(code, reason)
    this.refusals = token ? this.refusals + 1 : this.refusals
    if (!back || this.refusals > 1) { // the second token in a row was refused, too
      this.turn('stopped', { code, reason, next: null })
      return
    }
    const delay = pause(this.tries++, wait, this.options.backoff ?? BACKOFF)
    this.turn('reconnecting', { code, reason, next: Date.now() + delay })
    this.clock = setTimeout(() => { void this.open() }, delay)
  }

  /** Takes a server for gone that says nothing for so many seconds: it pings more often. */
  private listen (seconds: number): void {
    clearTimeout(this.silence)
    this.silence = setTimeout(() => this.lost(0, 'silence'), seconds * 1000)
  }

  private turn (state: State, changes: Partial<Status> = {}): void {
    this.status = { ...this.status, ...changes, state }
    this.emit('status', [this.status])
  }

  // --- commands ------------------------------------------------------------------------------------------------

  /** Sends a command, at once or when there is a connection, until it is answered; rejects with CommandError. */
  send<T extends keyof Commands> (type: T, data: Commands[T], options: SendOptions = {}): Promise<Answer<Acks[T]>> {
    const answer = new Promise<Answer<Acks[T]>>((resolve, reject) => this.queue.add(type, data, options, { resolve, reject }))
    this.flush()
    if (options.durable === true) {
      this.tell()
      answer.then(() => this.tell(), () => this.tell())
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
        if (this.connected !== null) this.send('room:leave', { room: name }, { once: true }).catch(() => {})
      })
      this.rooms.set(name, room)
      if (this.connected !== null) room.join()
    }
    room.wanted++
    return room
  }

  get unsaved (): number { return this.queue.unsaved }
  get unsavedSince (): number | null { return this.queue.unsavedSince }

  private readonly askFor: Ask = (data, told) => {
    // Before whatever waits: that may need the room.
    const pending = this.queue.add('room:join', data, { once: true }, told)
    if (pending !== null && this.connected !== null) this.post(pending)
  }

  private tell (): void {
    this.emit('unsaved', [this.unsaved, this.unsavedSince])
  }

  private flush (): void {
    if (this.connected === null) return
    for (const pending of this.queue.unsent()) this.post(pending)
  }

  private post (pending: Pending): void {
    pending.sent = this.write(pending.frame)
  }

  private write (frame: string): boolean {
    if (this.socket?.readyState !== OPEN) return false
    this.socket.send(frame)
    return true
  }

  // --- what comes in -------------------------------------------------------------------------------------------

  private receive (text: string): void {
    const read = JSON.parse(text) as Incoming | Incoming[]
    if (this.connected !== null) this.listen(this.connected.heartbeat.timeout)
    for (const message of Array.isArray(read) ? read : [read]) this.take(message)
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
        this.refused(message as unknown as ErrorFrame)
        break
      case 'connected':
        this.welcomed(message.data as unknown as Connected)
        break
      case 'auth:expiring':
        void this.refresh()
        break
      case 'server.draining':
        this.turn('draining')
        break
      default:
        if (message.room !== undefined) this.rooms.get(message.room)?.take(message as never)
    }
  }

  private welcomed (connected: Connected): void {
    this.connected = connected
    this.tries = this.refusals = 0
    this.listen(connected.heartbeat.timeout)
    this.turn('live', { code: null, reason: '' })
    this.emit('connected', [connected])
    for (const room of this.rooms.values()) room.join()
    this.flush()
  }

  private answered (message: Incoming): void {
    const { id, data, room, epoch, seq } = message
    if (room !== undefined && epoch !== undefined && seq !== undefined) this.rooms.get(room)?.advance(epoch, seq)
    const where = room === undefined ? {} : { room, ...(epoch === undefined ? {} : { epoch }), ...(seq === undefined ? {} : { seq }) }
    this.queue.take(id ?? '')?.told.resolve({ data: data as never, ...where })
  }

  private refused (frame: ErrorFrame): void {
    const error = CommandError.of(frame)
    const pending = this.queue.get(frame.id ?? '')
    if (pending === undefined) {
      this.emit('error', [error])
    } else if (error.retryable && error.retryAfter !== null) {
      // Not refused for good: the same command again, under the same id.
      setTimeout(() => { if (this.connected !== null && this.queue.get(pending.id) === pending) this.post(pending) }, error.retryAfter)
    } else {
      this.queue.take(pending.id)?.told.reject(error)
    }
  }

  private async refresh (): Promise<void> {
    try {
      await this.send('auth:refresh', { token: await this.options.token() }, { once: true })
    } catch (error) {
      if (error instanceof CommandError) this.emit('error', [error])
      // Without another token the server ends the connection, and says so.
    }
  }
}
