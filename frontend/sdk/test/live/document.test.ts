import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { Client, DocumentProvider, type RoomEvent, type Status } from '../../src/index.js'

declare const process: { env: Record<string, string> }

const url = process.env['SERVER_URL']!
const [ada, bob] = process.env['SERVER_TOKENS']!.split(',') as [string, string]
const project = process.env['SERVER_PROJECT']!

const clients: Client[] = []

function connect (token: string): Client {
  const client = new Client({ url, token: () => token, WebSocket, backoff: { base: 50, cap: 200 } })
  clients.push(client)
  client.connect()
  return client
}

/** Breaks a connection as a network does. */
function cut (client: Client): void {
  const { socket } = client as unknown as { socket: { terminate: () => void } | null }
  socket?.terminate()
}

const text = (provider: DocumentProvider): string => provider.doc.getText('content').toString()

async function meeting (): Promise<{ session: string, document: string, one: Client, other: Client }> {
  const one = connect(ada)
  const other = connect(bob)
  const { id: session } = await one.rest.post<{ id: string }>('sessions/', { project, name: 'SDK', settings: { conflict_resolution: 'merge' } })
  const { id: document } = await one.rest.post<{ id: string }>('documents/', { session, title: 'Notes', content: 'Hello' })
  return { session, document, one, other }
}

async function writing (): Promise<Awaited<ReturnType<typeof meeting>> & { left: DocumentProvider, right: DocumentProvider }> {
  const met = await meeting()
  const provider = (client: Client): DocumentProvider => new DocumentProvider(client, met.document, new Y.Doc(), { session: met.session })
  const [left, right] = [provider(met.one), provider(met.other)]
  await vi.waitUntil(() => left.synced && right.synced, { timeout: 10_000 })
  return { ...met, left, right }
}

afterEach(() => { for (const client of clients.splice(0)) client.close() })

describe('two clients', () => {
  it('write in one document, and see each other there', async () => {
    const { left, right } = await writing()
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
    const { document, one, left, right } = await writing()
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

  it('keep what is written when they leave the document at once', async () => {
    const { session, document, one, left } = await writing()
    for (const letter of 'abc') left.doc.getText('content').insert(0, letter)
    cut(one)
    left.destroy()
    const again = new DocumentProvider(one, document, new Y.Doc(), { session })
    await vi.waitUntil(() => again.synced && one.unsaved.count === 0, { timeout: 10_000 })
    expect(text(again)).toBe('cbaHello')
  })

  it('are told what the server never takes, and begin anew', async () => {
    const { session, document, one, left, right } = await writing()
    left.doc.getText('content').insert(0, 'x'.repeat(1_100_000))
    await vi.waitUntil(() => left.refusal !== null, { timeout: 10_000 })
    expect(left.stuck).toBe(true)
    right.doc.getText('content').insert(5, ' there')
    left.discard()
    left.destroy()
    const anew = new DocumentProvider(one, document, new Y.Doc(), { session })
    await vi.waitUntil(() => text(anew) === 'Hello there', { timeout: 10_000 })
    anew.doc.getText('content').insert(0, 'Oh. ')
    await vi.waitUntil(() => text(right) === 'Oh. Hello there' && one.unsaved.count === 0, { timeout: 10_000 })
  })

  it('keep what they may not write, and send it when they may', async () => {
    const { session, one, other, right } = await writing()
    const user = other.connected!.user.id
    await one.send('collaboration:participant:role', { session, user, role: 'observer' })
    right.doc.getText('content').insert(0, 'Mine. ')
    await vi.waitUntil(() => right.refusal !== null, { timeout: 10_000 })
    expect(right.refusal?.code).toBe('perm.denied')
    expect(other.unsaved.count).toBe(1)
    await one.send('collaboration:participant:role', { session, user, role: 'participant' })
    right.retry()
    await vi.waitUntil(() => other.unsaved.count === 0, { timeout: 10_000 })
    expect(right.refusal).toBeNull()
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

describe('many commands', () => {
  it('that waited for a connection are taken, at the pace that the server allows', async () => {
    const { session, one } = await meeting()
    await vi.waitUntil(() => one.connected !== null, { timeout: 10_000 })
    one.room(`session:${session}`)
    one.close()
    const statuses: Status[] = []
    one.on('status', (status: Status) => statuses.push(status))
    one.connect()
    const bodies = Array.from({ length: 400 }, (_, number) => String(number))
    const answers = await Promise.all(bodies.map(body => one.send('collaboration:message:send', { session, body }, { durable: true })))
    expect(new Set(answers.map(({ seq }) => seq)).size).toBe(400)
    expect(statuses.map(({ state }) => state)).not.toContain('reconnecting')
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
