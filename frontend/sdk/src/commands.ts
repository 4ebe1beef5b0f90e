/** Commands on their way: each keeps its id until it is answered, however often the connection breaks. */

import { CommandError } from './errors.js'

/** How to send a command. */
export interface SendOptions {
  /** Milliseconds after which the promise is given up; the command may have taken effect all the same. Default: never. */
  timeout?: number
  /** A command that means this connection: it goes with it. */
  once?: boolean
  /** A command whose loss the user would notice: it counts as unsaved until it is answered. */
  durable?: boolean
}

/** What a command was answered with. */
export interface Answer<T> {
  data: T
  /** Where the command's event stands in its room's log, if there is one. */
  room?: string
  epoch?: string
  seq?: number
}

/**
 * What the server has not confirmed yet: how much, since when (in milliseconds, as Date.now) the oldest of it, and how
 * much of it is in the client's store, and so outlives the page.
 */
export interface Unsaved {
  since: number | null
  count: number
  kept: number
}

/** Who waits for an answer. */
export interface Told<T> {
  resolve: (answer: Answer<T>) => void
  reject: (error: CommandError) => void
}

export interface Pending {
  id: string
  frame: string
  since: number
  durable: boolean
  once: boolean
  /** `held` until it may be tried again. */
  place: 'waiting' | 'sent' | 'held'
  told: Told<never>
  clock: ReturnType<typeof setTimeout> | undefined
}

/** The most that may wait for a connection or an answer, and of it the most that may be sent without an answer. */
export const LIMITS = { commands: 5_000, characters: 16_000_000, unanswered: 64 }

export class CommandQueue {
  private readonly pending = new Map<string, Pending>()
  private characters = 0
  private number = 0
  /** How many may be under way: one, from when the server says that it is too fast until nothing waits any more. */
  private window = LIMITS.unanswered

  constructor (private readonly prefix: string) {}

  /**
   * Takes a command in; it is sent by whoever asks for what is `due`.
   *
   * What it is answered with is told at once: a promise would tell of a join only after the events that follow it.
   */
  add<T> (type: string, data: unknown, { timeout, durable = false, once = false }: SendOptions, told: Told<T>): Pending | null {
    const id = `${this.prefix}-${++this.number}`
    const frame = JSON.stringify({ type, id, data })
    if (this.pending.size >= LIMITS.commands || this.characters + frame.length > LIMITS.characters) {
      told.reject(new CommandError('client.full', 'Too much waits to be sent.', true))
      return null
    }
    const pending: Pending = { id, frame, since: Date.now(), durable, once, place: 'waiting', told, clock: undefined }
    if (timeout !== undefined) {
      pending.clock = setTimeout(() => {
        this.take(id)?.told.reject(new CommandError('client.timeout', `No answer within ${timeout} ms.`, true))
      }, timeout)
    }
    this.pending.set(id, pending)
    this.characters += frame.length
    return pending
  }

  get (id: string): Pending | undefined {
    return this.pending.get(id)
  }

  /** Takes a command out, because it was answered or given up. */
  take (id: string): Pending | undefined {
    const pending = this.pending.get(id)
    if (pending !== undefined) {
      this.pending.delete(id)
      this.characters -= pending.frame.length
      if (this.pending.size === 0) this.window = LIMITS.unanswered
      clearTimeout(pending.clock)
    }
    return pending
  }

  /** What may be sent now, in the order it was given. */
  due (): Pending[] {
    const due: Pending[] = []
    let under = 0
    for (const pending of this.pending.values()) {
      if (++under > this.window) break
      if (pending.place === 'waiting') due.push(pending)
    }
    return due
  }

  /** Keeps a command that the server refused for a moment. */
  hold (pending: Pending, tooFast: boolean): void {
    pending.place = 'held'
    if (tooFast) this.window = 1
  }

  /** Notes that the connection broke: nothing that waits is known to have arrived. */
  lost (): void {
    for (const pending of [...this.pending.values()]) {
      pending.place = 'waiting'
      if (pending.once) this.take(pending.id)?.told.reject(new CommandError('client.closed', 'The connection was lost.', true))
    }
  }

  /** Gives everything up. */
  clear (error: CommandError): void {
    for (const id of [...this.pending.keys()]) this.take(id)?.told.reject(error)
  }

  get unsaved (): Omit<Unsaved, 'kept'> {
    let since: number | null = null
    let count = 0
    for (const { durable, since: given } of this.pending.values()) {
      if (durable) {
        since ??= given
        count++
      }
    }
    return { since, count }
  }
}
