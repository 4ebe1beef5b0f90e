import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { Client, DocumentProvider, type RoomEvent } from '../../src/index.js'

declare const process: { env: Record<string, string> }

const url = process.env['SERVER_URL']!
const [ada, bob] = process.env['SERVER_TOKENS']!.split(',') as [string, string]
const project = process.env['SERVER_PROJECT']!

const clients: Client[] = []

function connect (token: string): Client {
  const client = new Client({ url, token: () => token, WebSocket: WebSocket as never, backoff: { base: 50, cap: 200 } })
  clients.push(client)
  client.connect()
  return client
}

/** Breaks a connection as a network does. */
function cut (client: Client): void {
  const { socket } = client as unknown as { socket: { terminate: () => void } }
  socket.terminate()
}

const text = (provider: DocumentProvider): string => provider.doc.getText('content').toString()

async function meeting (): Promise<{ session: string, document: string, one: Client, other: Client }> {
  const one = connect(ada)
  const other = connect(bob)
  const { id: session } = await one.rest.post<{ id: string }>('sessions/', { project, name: 'SDK', settings: { conflict_resolution: 'merge' } })
  const { id: document } = await one.rest.post<{ id: string }>('documents/', { session, title: 'Notes', content: 'Hello' })
  return { session, document, one, other }
}

afterEach(() => { for (const client of clients.splice(0)) client.close() })

describe('two clients', () => {
  it('write in one document, and see each other there', async () => {
    const { session, document, one, other } = await meeting()
    const [left, right] = [one, other].map(client => new DocumentProvider(client, document, new Y.Doc(), { session })) as [DocumentProvider, DocumentProvider]
    await vi.waitUntil(() => left.synced && right.synced, { timeout: 10_000 })
    expect(text(left)).toBe('Hello')
    left.doc.getText('content').insert(5, ' there')
    right.doc.getText('content').insert(0, 'Oh. ')
    await vi.waitUntil(() => text(left) === 'Oh. Hello there' && text(right) === text(left), { timeout: 10_000 })
    await vi.waitUntil(() => left.unsaved.count === 0 && right.unsaved.count === 0, { timeout: 10_000 })
    const place = Y.createRelativePositionFromTypeIndex(left.doc.getText('content'), 2)
    left.awareness.setLocalStateField('cursor', { anchor: place, head: place })
    await vi.waitUntil(() => [...right.awareness.getStates().values()].some(state => state['cursor']?.head !== undefined), { timeout: 10_000 })
  })

  it('lose nothing when a connection breaks', async () => {
    const { session, document, one, other } = await meeting()
    const [left, right] = [one, other].map(client => new DocumentProvider(client, document, new Y.Doc(), { session })) as [DocumentProvider, DocumentProvider]
    await vi.waitUntil(() => left.synced && right.synced, { timeout: 10_000 })
    for (let number = 0; number < 20; number++) {
      left.doc.getText('content').insert(0, `[${number}]`)
      right.doc.getText('content').insert(0, `(${number})`)
      if (number % 5 === 2) cut(one)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    await vi.waitUntil(() => left.unsaved.count === 0 && right.unsaved.count === 0 && text(left) === text(right), { timeout: 15_000 })
    for (let number = 0; number < 20; number++) {
      expect(text(left).split(`[${number}]`)).toHaveLength(2)
      expect(text(left).split(`(${number})`)).toHaveLength(2)
    }
    const { content } = await one.rest.get<{ content: string }>(`documents/${document}/content/`)
    expect(content).toBe(text(left))
  })

  it('take a long paste over REST, where no frame is long enough', async () => {
    const { session, document, one } = await meeting()
    const provider = new DocumentProvider(one, document, new Y.Doc(), { session })
    await vi.waitUntil(() => provider.synced, { timeout: 10_000 })
    provider.doc.getText('content').insert(0, 'long '.repeat(40_000))
    await vi.waitUntil(() => provider.unsaved.count === 0, { timeout: 15_000 })
    const { content } = await one.rest.get<{ content: string }>(`documents/${document}/content/`)
    expect(content).toHaveLength(200_005)
  })
})

describe('a room', () => {
  it('tells every message once and in order, over reconnects', async () => {
    const { session, one, other } = await meeting()
    const seen: string[] = []
    const room = other.room(`session:${session}`)
    room.on('event', ({ type, data }: RoomEvent) => { if (type === 'collaboration:message:sent') seen.push((data as { body: string }).body) })
    const joined = one.room(`session:${session}`)
    await vi.waitUntil(() => room.joined !== null && joined.joined !== null, { timeout: 10_000 })
    const sent = Array.from({ length: 60 }, (_, number) => String(number))
    for (const body of sent) {
      await one.send('collaboration:message:send', { session, body }, { durable: true })
      if (Number(body) % 20 === 7) cut(other)
      if (Number(body) % 20 === 13) cut(one)
    }
    await vi.waitUntil(() => seen.length >= sent.length, { timeout: 15_000 })
    expect(seen).toEqual(sent)
  })
})
