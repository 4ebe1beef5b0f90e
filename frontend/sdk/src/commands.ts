/** Commands on their way: each keeps its id until it is answered, however often the connection breaks. */

import { CommandError } from './errors.js'

export interface SendOptions {
  /** Milliseconds after which the promise is given up; the command may have taken effect all the same. Default: never. */
  timeout?: number
  /** A command that means this connection: it goes with it. */
  once?: boolean
  /** A command whose loss the user would notice: it counts as unsaved until it is answered. */
  durable?: boolean
}

export interface Answer<T> {
  data: T
  /** Where the command's event stands in its room's log, if there is one. */
  room?: string
  epoch?: string
  seq?: number
}

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
  sent: boolean
  told: Told<never>
  clock: ReturnType<typeof setTimeout> | undefined
}

/** The most that may wait for a connection or an answer. */
export const LIMITS = { commands: 5_000, characters: 16_000_000 }

export class CommandQueue {
  private readonly waiting = new Map<string, Pending>()
  private characters = 0
  private number = 0

  constructor (private readonly prefix: string) {}

  /**
   * Takes a command in; it is sent by whoever calls `unsent`.
   *
   * What it is answered with is told at once: a promise would tell of a join only after the events that follow it.
   */
  add<T> (type: string, data: unknown, { timeout, durable = false, once = false }: SendOptions, told: Told<T>): Pending | null {
    const id = `${this.prefix}-${++this.number}`
    const frame = JSON.stringify({ type, id, data })
    if (this.waiting.size >= LIMITS.commands || this.characters + frame.length > LIMITS.characters) {
      told.reject(new CommandError('client.full', 'Too much waits to be sent.', true))
      return null
    }
    const pending: Pending = { id, frame, since: Date.now(), durable, once, sent: false, told, clock: undefined }
    if (timeout !== undefined) {
      pending.clock = setTimeout(() => {
        this.take(id)?.told.reject(new CommandError('client.timeout', `No answer within ${timeout} ms.`, true))
      }, timeout)
    }
    this.waiting.set(id, pending)
    this.characters += frame.length
    return pending
  }

  get (id: string): Pending | undefined {
    return this.waiting.get(id)
  }

  /** Takes a command out, because it was answered or given up. */
  take (id: string): Pending | undefined {
    const pending = this.waiting.get(id)
    if (pending !== undefined) {
      this.waiting.delete(id)
      this.characters -= pending.frame.length
      clearTimeout(pending.clock)
    }
    return pending
  }

  /** The commands that were not sent over this connection yet, in the order they were given. */
  unsent (): Pending[] {
    return [...this.waiting.values()].filter(({ sent }) => !sent)
  }

  /** Notes that the connection broke: nothing that waits is known to have arrived. */
  lost (): void {
    for (const pending of [...this.waiting.values()]) {
      pending.sent = false
      if (pending.once) this.take(pending.id)?.told.reject(new CommandError('client.closed', 'The connection was lost.', true))
    }
  }

  /** Gives everything up. */
  clear (error: CommandError): void {
    for (const id of [...this.waiting.keys()]) this.take(id)?.told.reject(error)
  }

  get unsaved (): number {
    let count = 0
    for (const { durable } of this.waiting.values()) count += Number(durable)
    return count
  }

  /** Since when the oldest command waits whose loss the user would notice. */
  get unsavedSince (): number | null {
    for (const { durable, since } of this.waiting.values()) if (durable) return since
    return null
  }
}
