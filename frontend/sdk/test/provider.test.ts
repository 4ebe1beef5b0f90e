import { toBase64, fromBase64 } from 'lib0/buffer'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as Y from 'yjs'
import { DocumentProvider, clientOf, colorOf, type Client } from '../src/index.js'
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
    const data = { document: DOCUMENT, update: toBase64(Y.encodeStateAsUpdate(server)) }
    Scripted.last.say({ type: 'collaboration:document:updated', room: `document:${DOCUMENT}`, epoch: 'e', seq: 2, at: '', by: {}, data })
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
    expect(provider.unsaved).toEqual({ since: null, count: 0 })
  })

  it('gives the server what was written before it was there', async () => {
    doc.getText('content').insert(0, 'Early. ')
    expect(provider.unsaved.count).toBeGreaterThan(0)
    join(`document:${DOCUMENT}`)
    await settled()
    await take(Scripted.last.asked(UPDATE))
    expect(text(server)).toBe(text(doc))
    expect(text(server)).toContain('Early. ')
    expect(provider.unsaved).toEqual({ since: null, count: 0 })
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
    expect(provider.unsaved).toEqual({ since: null, count: 0 })
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
