import { toBase64, fromBase64 } from 'lib0/buffer'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as Y from 'yjs'
import { DocumentProvider, clientOf, colorOf, type Client, type CommandError } from '../src/index.js'
import { Scripted, live, settled, type Sent } from './scripted.js'

const DOCUMENT = '00000000-0000-4000-8000-000000000002'
const SESSION = '00000000-0000-4000-8000-000000000001'
const ADA = '8c5a2f10-0000-4000-8000-000000000007'
const UPDATE = 'collaboration:document:update'

let client: Client
let server: Y.Doc
let doc: Y.Doc
let provider: DocumentProvider

/** Answers the newest join of a room; of the document with what the server has. */
function join (name: string, changes: object = {}): void {
  const asked = Scripted.last.of('room:join').filter(({ data }) => data['room'] === name).at(-1)
  if (asked === undefined) throw new Error(`${name} was not asked for`)
  const state = { document: { id: DOCUMENT }, update: toBase64(Y.encodeStateAsUpdate(server)), state_vector: toBase64(Y.encodeStateVector(server)) }
  const data = { room: name, epoch: 'e', seq: 1, recovered: 'none', members: [], role: 'participant', permissions: ['read', 'write'], state }
  Scripted.last.ack(asked, { ...data, ...changes })
}

/** Takes an edit as the server does. */
async function take (command: Sent): Promise<void> {
  Y.applyUpdate(server, fromBase64(command.data['update'] as string))
  Scripted.last.ack(command, { document: DOCUMENT })
  await settled()
}

const text = (of: Y.Doc): string => of.getText('content').toString()

beforeEach(async () => {
  vi.useFakeTimers()
  client = await live()
  server = new Y.Doc()
  server.getText('content').insert(0, 'Hello')
  doc = new Y.Doc()
  provider = new DocumentProvider(client, DOCUMENT, doc, { session: SESSION })
})
afterEach(() => {
  provider.destroy()
  client.close()
  vi.useRealTimers()
})

describe('a document', () => {
  it('has what the server has', async () => {
    join(`document:${DOCUMENT}`)
    await settled()
    expect(text(doc)).toBe('Hello')
    expect(provider.synced).toBe(true)
    expect(Scripted.last.of(UPDATE)).toHaveLength(0)
  })

  it('takes what others write, and does not send it back', async () => {
    join(`document:${DOCUMENT}`)
    await settled()
    server.getText('content').insert(5, ' there')
    told(2, Y.encodeStateAsUpdate(server))
    expect(text(doc)).toBe('Hello there')
    expect(Scripted.last.of(UPDATE)).toHaveLength(0)
  })

  it('sends one edit at a time, and those that wait as one', async () => {
    join(`document:${DOCUMENT}`)
    await settled()
    for (const letter of 'abc') doc.getText('content').insert(0, letter)
    expect(Scripted.last.of(UPDATE)).toHaveLength(1)
    expect(provider.unsaved.count).toBeGreaterThan(0)
    await take(Scripted.last.asked(UPDATE))
    expect(Scripted.last.of(UPDATE)).toHaveLength(2)
    await take(Scripted.last.asked(UPDATE))
    expect(text(server)).toBe('cbaHello')
    expect(provider.unsaved).toEqual({ since: null, count: 0, kept: 0 })
  })

  it('gives the server what was written before it was there', async () => {
    doc.getText('content').insert(0, 'Early. ')
    expect(provider.unsaved.count).toBeGreaterThan(0)
    join(`document:${DOCUMENT}`)
    await settled()
    await take(Scripted.last.asked(UPDATE))
    expect(text(server)).toBe(text(doc))
    expect(text(server)).toContain('Early. ')
    expect(provider.unsaved).toEqual({ since: null, count: 0, kept: 0 })
  })

  it('keeps what was written while the connection was lost', async () => {
    join(`document:${DOCUMENT}`)
    await settled()
    doc.getText('content').insert(0, 'sent, ')
    Scripted.last.end(1006)
    doc.getText('content').insert(0, 'offline, ')
    expect(provider.synced).toBe(false)
    await vi.advanceTimersByTimeAsync(1_000)
    Scripted.last.welcome()
    join(`document:${DOCUMENT}`, { recovered: 'full', state: undefined })
    await settled()
    await take(Scripted.last.asked(UPDATE))
    await take(Scripted.last.asked(UPDATE))
    expect(text(server)).toBe('offline, sent, Hello')
    expect(provider.unsaved).toEqual({ since: null, count: 0, kept: 0 })
  })

  it('says that an edit is refused, keeps it, and sends it when it may', async () => {
    join(`document:${DOCUMENT}`)
    await settled()
    const refused = vi.fn()
    provider.on('refused', refused)
    doc.getText('content').insert(0, 'x')
    Scripted.last.refuse(Scripted.last.asked(UPDATE), 'session.paused', { retryable: true })
    await settled()
    expect(refused).toHaveBeenCalledWith(expect.objectContaining({ code: 'session.paused' }), expect.any(Uint8Array))
    expect(provider.unsaved.count).toBeGreaterThan(0)
    provider.retry()
    Scripted.last.ack(Scripted.last.asked('collaboration:document:sync'), {
      document: DOCUMENT,
      seq: 1,
      update: toBase64(Y.encodeStateAsUpdate(server)),
      state_vector: toBase64(Y.encodeStateVector(server))
    })
    await settled()
    await take(Scripted.last.asked(UPDATE))
    expect(text(server)).toBe('xHello')
    expect(provider.refusal).toBeNull()
  })
})

/** What the server answers to a question for the document's state. */
const state = (): object => ({
  document: DOCUMENT,
  seq: 1,
  update: toBase64(Y.encodeStateAsUpdate(server)),
  state_vector: toBase64(Y.encodeStateVector(server))
})

async function synchronised (): Promise<void> {
  Scripted.last.ack(Scripted.last.asked('collaboration:document:sync'), state())
  await settled()
}

async function refuse (code: string, changes: object = {}): Promise<void> {
  Scripted.last.refuse(Scripted.last.asked(UPDATE), code, changes)
  await settled()
}

async function begin (): Promise<void> {
  join(`document:${DOCUMENT}`)
  await settled()
}

/** Breaks the connection, and makes another. */
async function again (): Promise<void> {
  Scripted.last.end(1006)
  client.hurry()
  await settled()
  Scripted.last.welcome()
}

/** Tells of an edit of somebody else's. */
function told (seq: number, update: Uint8Array, epoch = 'e'): void {
  const event = { type: 'collaboration:document:updated', room: `document:${DOCUMENT}`, epoch, seq, at: '', by: {} }
  Scripted.last.say({ ...event, data: { document: DOCUMENT, update: toBase64(update) } })
}

const write = (letters: string, of = doc): void => of.getText('content').insert(0, letters)

describe('edits', () => {
  it('count as unsaved, here and at the client, from the moment of the oldest that is not confirmed', async () => {
    await begin()
    vi.setSystemTime(1_000)
    write('a')
    vi.setSystemTime(2_000)
    write('b')
    write('c')
    expect(provider.unsaved).toEqual({ since: 1_000, count: 3, kept: 0 })
    expect(client.unsaved).toEqual(provider.unsaved)
    await take(Scripted.last.asked(UPDATE))
    expect(client.unsaved).toEqual({ since: 2_000, count: 2, kept: 0 })
    await take(Scripted.last.asked(UPDATE))
    expect(client.unsaved).toEqual({ since: null, count: 0, kept: 0 })
  })

  it('are sent even though the document is not looked at any more', async () => {
    await begin()
    write('a')
    write('b')
    provider.destroy()
    doc.destroy()
    expect(client.unsaved.count).toBe(2)
    await again()
    join(`document:${DOCUMENT}`, { recovered: 'full', state: undefined })
    await take(Scripted.last.asked(UPDATE))
    await take(Scripted.last.asked(UPDATE))
    expect(text(server)).toBe('baHello')
    expect(client.unsaved.count).toBe(0)
    expect(Scripted.last.of('room:leave').map(({ data }) => data['room'])).toContain(`document:${DOCUMENT}`)
  })

  it('are seen by another provider of the page that comes while they are on their way', async () => {
    await begin()
    write('mine, ')
    provider.destroy()
    const other = new DocumentProvider(client, DOCUMENT, new Y.Doc(), { session: SESSION })
    await synchronised()
    expect(text(other.doc)).toBe('Hello')
    await take(Scripted.last.asked(UPDATE))
    expect(text(other.doc)).toBe('mine, Hello')
    other.destroy()
  })

  it('that came since the room was entered are had by a second provider, too', async () => {
    await begin()
    server.getText('content').insert(5, ' there')
    const other = new DocumentProvider(client, DOCUMENT, new Y.Doc())
    expect(other.synced).toBe(false)
    await synchronised()
    expect(text(other.doc)).toBe('Hello there')
    other.destroy()
  })

  it('are given again to a server that was put back to what it was', async () => {
    await begin()
    write('a')
    await take(Scripted.last.asked(UPDATE))
    server = new Y.Doc()
    await again()
    join(`document:${DOCUMENT}`, { recovered: 'snapshot', epoch: 'another' })
    await settled()
    expect(provider.unsaved.count).toBe(1)
    await take(Scripted.last.asked(UPDATE))
    expect(text(server)).toBe('aHello')
  })

  it('of others are left to them, where the server has lost some', async () => {
    await begin()
    const before = Y.encodeStateAsUpdate(server)
    write('Oh. ', server)
    const theirs = Y.encodeStateAsUpdate(server)
    told(2, theirs)
    doc.getText('content').insert(text(doc).length, '!')
    await take(Scripted.last.asked(UPDATE))
    server = new Y.Doc()
    Y.applyUpdate(server, before)
    await again()
    join(`document:${DOCUMENT}`, { recovered: 'snapshot', epoch: 'another' })
    await settled()
    await refuse('doc.update_rejected', { details: { reason: 'client_id' } })
    await synchronised()
    await take(Scripted.last.asked(UPDATE))
    expect(text(server)).toBe('Hello!')
    expect(provider.unsaved.count).toBe(1)
    expect(provider.refusal?.details).toEqual({ reason: 'client_id' }) // until they are back
    Y.applyUpdate(server, theirs)
    told(2, theirs, 'another')
    await vi.advanceTimersByTimeAsync(1_000)
    await synchronised()
    await take(Scripted.last.asked(UPDATE))
    expect(text(server)).toBe(text(doc))
    expect(provider.refusal).toBeNull()
    expect(provider.unsaved.count).toBe(0)
  })

  it('are completed by themselves when the server misses what they stand on', async () => {
    await begin()
    const refused = vi.fn()
    provider.on('refused', refused)
    write('x')
    await refuse('doc.update_rejected', { details: { reason: 'missing_deps' } })
    await synchronised()
    await take(Scripted.last.asked(UPDATE))
    expect(text(server)).toBe('xHello')
    expect(refused).not.toHaveBeenCalled()
  })

  it('that the server will never take are told, sent no more, and given up when they are discarded', async () => {
    await begin()
    const refused = vi.fn()
    provider.on('refused', refused)
    write('bad, ')
    write('worse, ')
    await refuse('doc.update_rejected', { details: { reason: 'size' } })
    write('later, ')
    expect(Scripted.last.of(UPDATE)).toHaveLength(1)
    const [error, update] = refused.mock.lastCall as [CommandError, Uint8Array]
    expect(error.details).toEqual({ reason: 'size' })
    Y.applyUpdate(server, update)
    expect(text(server)).toBe('worse, bad, Hello')
    expect(client.unsaved.count).toBe(3)
    provider.discard()
    provider.destroy()
    expect(client.unsaved.count).toBe(0)
    expect(client.writers.size).toBe(0)
  })

  it('that are larger than the server takes are not sent in vain', async () => {
    client.connected!.limits['document_update_bytes'] = 100
    await begin()
    write('long '.repeat(100))
    await settled()
    expect(provider.refusal).toMatchObject({ code: 'doc.update_rejected', details: { reason: 'size' } })
    expect(provider.stuck).toBe(true)
    expect(Scripted.last.of(UPDATE)).toHaveLength(0)
  })

  it('that may not be written any more are kept, and told', async () => {
    await begin()
    write('x')
    await refuse('perm.denied')
    expect(provider.refusal?.code).toBe('perm.denied')
    expect(provider.unsaved.count).toBe(1)
    provider.destroy() // who knows, and goes, gives them up
    expect(client.unsaved.count).toBe(0)
  })

  it('are tried again by themselves after what may pass', async () => {
    await begin()
    write('x')
    await refuse('session.paused', { retryable: true })
    await vi.advanceTimersByTimeAsync(1_000)
    await synchronised()
    await take(Scripted.last.asked(UPDATE))
    expect(provider.refusal).toBeNull()
    expect(text(server)).toBe('xHello')
  })

  it('are sent under another id when theirs was used', async () => {
    await begin()
    write('x')
    const first = Scripted.last.asked(UPDATE)
    await refuse('msg.id_conflict')
    await synchronised()
    expect(Scripted.last.asked(UPDATE).id).not.toBe(first.id)
    await take(Scripted.last.asked(UPDATE))
    expect(text(server)).toBe('xHello')
  })

  it('enter the room again when the server says that it was left', async () => {
    await begin()
    write('x')
    await refuse('room.not_joined')
    join(`document:${DOCUMENT}`, { recovered: 'full', state: undefined })
    await settled()
    await take(Scripted.last.asked(UPDATE))
    expect(text(server)).toBe('xHello')
  })

  it('of a document that is gone are refused', async () => {
    await begin()
    await again()
    write('x')
    const asked = Scripted.last.of('room:join').find(({ data }) => data['room'] === `document:${DOCUMENT}`)!
    Scripted.last.refuse(asked, 'room.not_found')
    expect(provider.refusal?.code).toBe('room.not_found')
    expect(provider.unsaved.count).toBe(1)
  })

  it('that are too long for a frame are sent over REST, again when nobody answers', async () => {
    await begin()
    const bodies: string[] = []
    const fetch = vi.fn(async (_url: string, { body }: { body: string }) => {
      bodies.push(body)
      if (bodies.length === 1) throw new TypeError('fetch failed')
      return new Response('{}')
    })
    vi.stubGlobal('fetch', fetch)
    write('long '.repeat(20_000))
    await vi.waitUntil(() => provider.refusal !== null)
    expect(provider.refusal?.code).toBe('client.network')
    await vi.advanceTimersByTimeAsync(1_000)
    await synchronised()
    await vi.waitUntil(() => provider.unsaved.count === 0)
    Y.applyUpdate(server, fromBase64(JSON.parse(bodies[1]!).update))
    expect(text(server)).toBe(text(doc))
    expect(provider.refusal).toBeNull()
    vi.unstubAllGlobals()
  })

  it('come after a state that is too large for a frame, which is read again when that fails', async () => {
    let tries = 0
    vi.stubGlobal('fetch', async () => {
      if (++tries === 1) throw new TypeError('fetch failed')
      return new Response(JSON.stringify(state()))
    })
    join(`document:${DOCUMENT}`, { state: { document: { id: DOCUMENT }, large: true } })
    await vi.waitUntil(() => provider.refusal !== null)
    expect(provider.synced).toBe(false)
    await vi.advanceTimersByTimeAsync(1_000)
    Scripted.last.ack(Scripted.last.asked('collaboration:document:sync'), { document: DOCUMENT, large: true })
    await vi.waitUntil(() => provider.synced)
    expect(text(doc)).toBe('Hello')
    expect(provider.refusal).toBeNull()
    vi.unstubAllGlobals()
  })
})

describe('a provider', () => {
  it('leaves nothing behind', async () => {
    await begin()
    write('x')
    await take(Scripted.last.asked(UPDATE))
    provider.awareness.setLocalStateField('cursor', null)
    provider.destroy()
    provider.destroy()
    client.destroy()
    expect(vi.getTimerCount()).toBe(0)
    expect(client.writers.size).toBe(0)
    expect([...provider.room['_observers'].keys()]).toEqual([])
    expect(doc['_observers'].has('update')).toBe(false)
  })
})

describe('cursors', () => {
  const cursor = (changes: object = {}): object => ({
    user: ADA,
    name: 'Ada',
    kind: 'human',
    connection: 'c2',
    document: DOCUMENT,
    position: { tname: 'content' },
    selection: null,
    ...changes
  })
  const moved = (...cursors: object[]): void =>
    Scripted.last.say({ type: 'collaboration:cursor:moved', room: `session:${SESSION}`, data: { cursors } })

  it('of others are shown in their colours, and taken away', () => {
    join(`session:${SESSION}`, { state: {} })
    moved(cursor(), cursor({ connection: 'c3', document: 'another' }))
    const states = provider.awareness.getStates()
    expect(states.get(clientOf('c2'))).toEqual({
      user: { id: ADA, name: 'Ada', kind: 'human', color: colorOf(ADA), colorLight: `${colorOf(ADA)}33` },
      cursor: { anchor: { tname: 'content' }, head: { tname: 'content' } }
    })
    expect(states.has(clientOf('c3'))).toBe(false)
    moved(cursor({ position: null }))
    expect(provider.awareness.getStates().has(clientOf('c2'))).toBe(false)
  })

  it('of others are shown at once in another document of the session', () => {
    join(`session:${SESSION}`, { state: {} })
    const elsewhere = '00000000-0000-4000-8000-000000000003'
    moved(cursor({ document: elsewhere }))
    const other = new DocumentProvider(client, elsewhere, new Y.Doc(), { session: SESSION })
    expect(other.awareness.getStates().has(clientOf('c2'))).toBe(true)
    other.destroy()
  })

  it('of one\'s own is taken away with the document', () => {
    join(`session:${SESSION}`, { state: {} })
    provider.destroy()
    expect(Scripted.last.asked('collaboration:cursor:move').data).toEqual({ session: SESSION, document: DOCUMENT, position: null })
  })

  it('of one\'s own is sent once a tick', () => {
    join(`session:${SESSION}`, { state: {} })
    const before = Scripted.last.of('collaboration:cursor:move').length
    for (let head = 0; head < 5; head++) {
      provider.awareness.setLocalStateField('cursor', { anchor: { tname: 'content' }, head: { tname: 'content', assoc: head } })
    }
    vi.advanceTimersByTime(60)
    expect(Scripted.last.of('collaboration:cursor:move').length - before).toBe(1)
    expect(Scripted.last.asked('collaboration:cursor:move').data).toEqual({
      session: SESSION,
      document: DOCUMENT,
      position: { tname: 'content', assoc: 4 },
      selection: { anchor: { tname: 'content' }, head: { tname: 'content', assoc: 4 } }
    })
  })
})
