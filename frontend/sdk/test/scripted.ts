/** A server of a few lines: the test says what it answers, and sees what it was sent. */

import { Client, type ClientOptions } from '../src/index.js'

export interface Sent { type: string, id?: string, data: Record<string, unknown> }

export class Scripted {
  static sockets: Scripted[] = []

  readyState = 0
  sent: Sent[] = []
  closedWith: number | null = null
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number, reason: string }) => void) | null = null

  constructor (readonly url: string) {
    Scripted.sockets.push(this)
  }

  static get last (): Scripted {
    const last = this.sockets.at(-1)
    if (last === undefined) throw new Error('nobody has connected')
    return last
  }

  send (text: string): void {
    this.sent.push(JSON.parse(text) as Sent)
  }

  close (code: number): void {
    this.closedWith = code
    this.readyState = 3
  }

  // --- the server's side ---

  open (): this {
    this.readyState = 1
    this.onopen?.()
    return this
  }

  say (...messages: object[]): void {
    this.onmessage?.({ data: JSON.stringify(messages.length === 1 ? messages[0] : messages) })
  }

  welcome (changes: object = {}): this {
    this.open().say({
      type: 'connected',
      data: {
        protocol: 1,
        connection: 'c1',
        user: { id: 'u1', name: 'Ada', kind: 'human' },
        heartbeat: { interval: 20, timeout: 45 },
        limits: { message_bytes: 65_536 },
        cursor_tick_ms: 50,
        ...changes
      }
    })
    return this
  }

  ack (command: Sent, data: object = {}, where: object = {}): void {
    this.say({ type: 'ack', id: command.id, data, ...where })
  }

  refuse (command: Sent, code: string, changes: object = {}): void {
    this.say({ type: 'error', id: command.id, code, message: code, retryable: false, retry_after_ms: null, details: {}, ...changes })
  }

  end (code: number, reason = ''): void {
    this.readyState = 3
    this.onclose?.({ code, reason })
  }

  of (type: string): Sent[] {
    return this.sent.filter(message => message.type === type)
  }

  /** The newest command of a type. */
  asked (type: string): Sent {
    const found = this.of(type).at(-1)
    if (found === undefined) throw new Error(`${type} was not sent: ${this.sent.map(({ type }) => type).join(', ')}`)
    return found
  }
}

/** Lets promises that are settled say so. */
export async function settled (): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
}

export async function connecting (options: Partial<ClientOptions> = {}): Promise<Client> {
  Scripted.sockets = []
  const client = new Client({
    url: 'http://server.test',
    token: () => 'token',
    WebSocket: Scripted as never,
    ...options
  })
  client.connect()
  await settled()
  return client
}

export async function live (options: Partial<ClientOptions> = {}): Promise<Client> {
  const client = await connecting(options)
  Scripted.last.welcome()
  return client
}
