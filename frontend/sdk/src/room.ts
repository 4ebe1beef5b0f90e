/** A room as this client sees it: every number once and in order, and after a gap what was missed. */

import { ObservableV2 } from 'lib0/observable'
import type { Told } from './commands.js'
import type { CommandError } from './errors.js'
import type { Acks, Author, Commands, Cursor, Ephemerals, Events } from './wire.js'

/** A numbered event; `type` tells what its `data` is. */
export type RoomEvent<T extends keyof Events = keyof Events> = {
  [K in T]: { type: K, room: string, epoch: string, seq: number, at: string, by: Author, data: Events[K] }
}[T]

/** What is not kept: signals and cursors; `type` tells what its `data` is. */
export type Ephemeral<T extends keyof Ephemerals = keyof Ephemerals> = {
  [K in T]: { type: K, room: string, at?: string, by?: Author, data: Ephemerals[K] }
}[T]

/** What the server says when a room is entered; `full`: all that was missed follows as events. */
export type Joined = Acks['room:join'] & { recovered: 'full' | 'snapshot' | 'none' }

/** What a room tells. */
export interface RoomEvents {
  /** The room was entered, or entered again: with `state`, unless all that was missed follows as events. */
  joined: (joined: Joined) => void
  /** Something happened, that is kept: every event once, in order; those of one's own commands are their acks. */
  event: (event: RoomEvent) => void
  /** Something happened that is not kept. */
  ephemeral: (event: Ephemeral) => void
  /** The connection is lost, or the room cannot be entered. */
  left: (error: CommandError | null) => void
  /** @internal An edit of this page was confirmed: its ack stands for the event, which nobody gets here. */
  written: (update: Uint8Array, by: unknown) => void
}

/** Asks the server to let the client in. */
export type Ask = (data: Commands['room:join'], told: Told<Acks['room:join']>) => void

/** A room, as `client.room` gives it. */
export class Room extends ObservableV2<{ [K in keyof RoomEvents]: RoomEvents[K] }> {
  /** How many use it; managed by the client. */
  wanted = 0
  /** What the last join found; null while the room is not entered. */
  joined: Joined | null = null
  /** Why the room cannot be entered, if the server said so. */
  error: CommandError | null = null
  /** Which log of the room's it is, and the last number seen of it. */
  epoch = ''
  seq = 0
  /** Where others' cursors are, by connection. */
  readonly cursors = new Map<string, Cursor>()

  private attempt = 0

  constructor (readonly name: string, private readonly ask: Ask, private readonly forget: () => void) {
    super()
  }

  /** Leaves the room, when nobody else on this client uses it. */
  leave (): void {
    if (this.wanted > 0 && --this.wanted === 0) {
      this.attempt++
      this.joined = null
      this.forget()
    }
  }

  /** Whether the caller may do that here, as of the last join. */
  can (permission: string): boolean {
    return this.joined?.permissions.includes(permission) ?? false
  }

  /** Enters, from where it was. */
  join (): void {
    const attempt = ++this.attempt
    const since = this.epoch === '' ? {} : { since: { epoch: this.epoch, seq: this.seq } }
    this.joined = null
    this.ask({ room: this.name, ...since }, {
      resolve: ({ data }) => { if (attempt === this.attempt) this.enter(data as Joined) },
      reject: error => {
        if (attempt !== this.attempt) return
        this.error = error
        this.emit('left', [error])
      }
    })
  }

  /** Enters anew, as if for the first time: whoever listens gets the state once more. */
  refresh (): void {
    this.epoch = ''
    this.join()
  }

  /** Notes that the connection is lost. */
  lost (): void {
    this.attempt++
    this.cursors.clear()
    if (this.joined !== null) {
      this.joined = null
      this.emit('left', [null])
    }
  }

  /** Notes the number of a command of this connection: its ack stands for its event. */
  advance (epoch: string, seq: number): void {
    if (this.joined !== null && epoch === this.epoch && this.follows(seq)) this.seq = seq
  }

  take (event: RoomEvent | Ephemeral): void {
    if (!('seq' in event)) {
      if (event.type === 'collaboration:cursor:moved') this.place(event.data.cursors)
      this.emit('ephemeral', [event])
    } else if (event.epoch === this.epoch && this.follows(event.seq)) {
      this.seq = event.seq
      this.emit('event', [event])
    }
  }

  private place (cursors: Cursor[]): void {
    for (const cursor of cursors) {
      if (cursor.position === null) this.cursors.delete(cursor.connection)
      else this.cursors.set(cursor.connection, cursor)
    }
  }

  private enter (joined: Joined): void {
    // What was missed follows this answer; without it the state has everything up to its number.
    if (joined.recovered !== 'full') this.seq = joined.seq
    this.epoch = joined.epoch
    this.joined = joined
    this.error = null
    this.emit('joined', [joined])
  }

  /** Whether a number is the next one. One that is not shows a gap: then the room is entered again from before it. */
  private follows (seq: number): boolean {
    if (this.joined === null) return false // it is about to be entered, from before this one
    if (seq > this.seq + 1) this.join()
    return seq === this.seq + 1
  }
}
