import 'fake-indexeddb/auto'
import { fromBase64, toBase64 } from 'lib0/buffer'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as Y from 'yjs'
import { DocumentProvider, KEPT, indexedDBStore, wordsOf, type Client, type CommandError, type EditStore } from '../src/index.js'
import { Scripted, connecting, settled, type Sent } from './scripted.js'

const DOCUMENT = '00000000-0000-4000-8000-000000000002'
const UPDATE = 'collaboration:document:update'

/** The locks of a browser, of which Node has none: those of a page go with it. */
class Locks {
  static readonly held = new Map<string, Locks>()

  async query (): Promise<{ held: Array<{ name: string }> }> {
    return { held: [...Locks.held.keys()].map(name => ({ name })) }
  }

  async request (name: string, _options: object, work: (lock: object | null) => Promise<void>): Promise<void> {
    if (Locks.held.has(name)) return await work(null)
    Locks.held.set(name, this)
    await work({})
    Locks.held.delete(name)
  }

  end (): void {
    for (const [name, page] of Locks.held) if (page === this) Locks.held.delete(name)
  }
}

let server: Y.Doc
let name: string
let number = 0
/** Sees all that is kept, whoever lives. */
let everything: EditStore
let pages: Page[] = []

/** A page of a browser; it ends without a word, as with a dead battery. */
class Page {
  private constructor (readonly locks: Locks | null, readonly client: Client, readonly socket: Scripted, readonly provider: DocumentProvider) {
    pages.push(this)
  }

  static async open (user = 'ada', { locks = new Locks() as Locks | null, limits = KEPT } = {}): Promise<Page> {
    vi.stubGlobal('navigator', { locks: locks ?? undefined })
    const client = await connecting({ store: indexedDBStore(name, limits) })
    const socket = Scripted.last.welcome({ user: { id: user, name: user, kind: 'human' } })
    return new Page(locks, client, socket, new DocumentProvider(client, DOCUMENT, new Y.Doc()))
  }

  static async joined (...options: Parameters<typeof Page.open>): Promise<Page> {
    const page = await this.open(...options)
    await page.join()
    return page
  }

  get text (): string { return text(this.provider.doc) }

  get asked (): Sent { return this.socket.of('room:join').find(({ data }) => data['room'] === `document:${DOCUMENT}`)! }

  write (words: string): void { this.provider.doc.getText('content').insert(0, words) }

  /** Lets it into the document, with what the server has. */
  async join (): Promise<void> {
    const state = { document: { id: DOCUMENT, title: 'Goals' }, update: toBase64(Y.encodeStateAsUpdate(server)), state_vector: toBase64(Y.encodeStateVector(server)) }
    this.socket.ack(this.asked, { room: `document:${DOCUMENT}`, epoch: 'e', seq: 1, recovered: 'none', members: [], role: 'participant', permissions: ['read', 'write'], state })
    await settled()
  }

  /** Has the server take every edit that was sent, and those that follow. */
  async take (): Promise<void> {
    for (let taken = 0; taken < this.socket.of(UPDATE).length; taken++) {
      const command = this.socket.of(UPDATE)[taken]!
      Y.applyUpdate(server, fromBase64(command.data['update'] as string))
      this.socket.ack(command, { document: DOCUMENT })
      await settled()
    }
  }

  async kept (count: number): Promise<void> {
    await vi.waitUntil(() => this.provider.unsaved.kept === count && this.provider.unsaved.count === count)
  }

  end (): void {
    this.client.destroy()
    const keeper = this.provider['keeper']
    if (keeper !== null) {
      keeper['closed'] = true
      clearTimeout(keeper['clock'])
    }
    this.locks?.end()
  }
}

const text = (doc: Y.Doc): string => doc.getText('content').toString()

/** A page that kept words, and is gone. */
async function gone (words: string, user = 'ada'): Promise<Page> {
  const page = await Page.joined(user)
  page.write(words)
  await page.kept(1)
  page.end()
  return page
}

const emptied = async (): Promise<void> => { await vi.waitUntil(async () => (await everything.left('ada')).length === 0) }

beforeEach(() => {
  server = new Y.Doc()
  server.getText('content').insert(0, 'Hello')
  name = `edits-${++number}`
  vi.stubGlobal('navigator', {})
  everything = indexedDBStore(name)
})
afterEach(() => {
  for (const page of pages) page.end()
  pages = []
  vi.unstubAllGlobals()
})

describe('edits that are not confirmed', () => {
  it('are kept, and sent by the next page that opens the document', async () => {
    const first = await Page.joined()
    first.write('b')
    first.write('a')
    expect(first.client.unsaved).toMatchObject({ count: 2, kept: 0 })
    await first.kept(2)
    first.end()
    expect(await everything.left('ada')).toMatchObject([{ user: 'ada', document: DOCUMENT, title: 'Goals', session: null, count: 2 }])
    const next = await Page.open()
    await next.kept(2)
    expect(next.text).toBe('')
    await next.join()
    expect(next.text).toBe('abHello')
    expect(next.client.unsaved.count).toBe(2)
    await next.take()
    expect(text(server)).toBe('abHello')
    expect(next.client.unsaved).toEqual({ since: null, count: 0, kept: 0 })
    await emptied()
  })

  it('come in, too, when they are read later than the document', async () => {
    await gone('a')
    const next = await Page.joined()
    expect(next.text).toBe('Hello')
    await vi.waitUntil(() => next.text === 'aHello')
    await next.take()
    expect(text(server)).toBe('aHello')
  })

  it('are not sent again where the server had them', async () => {
    const first = await gone('a')
    Y.applyUpdate(server, fromBase64(first.socket.asked(UPDATE).data['update'] as string))
    const next = await Page.open()
    await next.kept(1)
    await next.join()
    expect(next.text).toBe('aHello')
    expect(next.provider.unsaved.count).toBe(0)
    expect(next.socket.of(UPDATE)).toEqual([])
    await emptied()
  })

  it('are merged into a document that was put back, without those of others that it has lost', async () => {
    const theirs = new Y.Doc()
    Y.applyUpdate(theirs, Y.encodeStateAsUpdate(server))
    theirs.getText('content').insert(0, 'Lost. ')
    const before = server
    server = theirs
    const first = await Page.joined()
    first.provider.doc.getText('content').insert(text(theirs).length, '!')
    await first.kept(1)
    first.end()
    server = before
    const next = await Page.joined()
    await vi.waitUntil(() => next.text === 'Hello!')
    await next.take()
    expect(text(server)).toBe('Hello!')
    await emptied()
  })

  it('of several pages are sent together, also of one that went before it had sent what another left', async () => {
    await gone('a')
    const second = await Page.open()
    second.write('b')
    await second.kept(2)
    second.end()
    const next = await Page.open()
    await next.kept(2)
    await next.join()
    await next.take()
    expect([...text(server)].sort().join('')).toBe('Habello')
    await emptied()
  })

  it('cost nothing when they are confirmed soon, and are removed when they are later', async () => {
    const page = await Page.joined()
    await vi.waitUntil(() => page.provider['keeper'] !== null)
    page.write('a')
    await page.take()
    expect(page.provider['keeper']!['clock']).toBeUndefined()
    page.write('b')
    await page.kept(1)
    await page.take()
    await emptied()
  })

  it('are left to a page that lives', async () => {
    const one = await Page.joined()
    one.write('a')
    await one.kept(1)
    const other = await Page.joined()
    expect(await indexedDBStore(name).left('ada')).toEqual([])
    expect(other.text).toBe('Hello')
    expect(other.socket.of(UPDATE)).toEqual([])
    expect(await everything.left('ada')).toHaveLength(1)
  })

  it('are taken by one of two pages that open at once', async () => {
    await gone('a')
    const both = [await Page.open(), await Page.open()]
    await vi.waitUntil(() => both.some(({ provider }) => provider.unsaved.count === 1))
    for (const page of both) await page.provider['keeper']!['line']
    expect(both.map(({ provider }) => provider.unsaved.count).sort()).toEqual([0, 1])
  })

  it('arrive once also where pages do not know which of them live', async () => {
    const one = await Page.joined('ada', { locks: null })
    one.write('a')
    await one.kept(1)
    const other = await Page.joined('ada', { locks: null })
    await vi.waitUntil(() => other.text === 'aHello')
    await one.take()
    await other.take()
    expect(text(server)).toBe('aHello')
    await emptied()
  })

  it('are nothing to another user', async () => {
    await gone('secret ')
    const other = await Page.joined('bob')
    await other.provider['keeper']!['line']
    expect(other.text).toBe('Hello')
    expect(await everything.left('bob')).toEqual([])
    expect(await everything.left('ada')).toHaveLength(1)
  })

  it('and refused come back until they are discarded', async () => {
    await gone('a')
    const next = await Page.open()
    await next.kept(1)
    const refused = vi.fn()
    next.provider.on('refused', refused)
    next.socket.refuse(next.asked, 'room.not_found')
    const [error, update] = refused.mock.lastCall as [CommandError, Uint8Array]
    expect(error.code).toBe('room.not_found')
    expect(wordsOf(update)).toBe('a')
    next.provider.destroy()
    await vi.waitUntil(async () => (await indexedDBStore(name).left('ada')).length === 1)
    const last = await Page.joined()
    await vi.waitUntil(() => last.text === 'aHello')
    last.socket.refuse(last.socket.asked(UPDATE), 'perm.denied')
    await settled()
    expect(last.provider.refusal?.code).toBe('perm.denied')
    await last.kept(1)
    last.provider.discard()
    last.provider.destroy()
    await emptied()
  })

  it('are told of when they are read after the refusal', async () => {
    await gone('a')
    const next = await Page.open()
    next.socket.refuse(next.asked, 'room.not_found')
    const refused = vi.fn()
    next.provider.on('refused', refused)
    await vi.waitUntil(() => refused.mock.calls.length > 0)
    expect(next.client.unsaved).toMatchObject({ count: 1, kept: 1 })
  })
})

describe('a store', () => {
  it('has limits, and says what is beyond them', async () => {
    const page = await Page.joined('ada', { limits: { ...KEPT, bytes: 100 } })
    page.write('short')
    await page.kept(1)
    page.write('long '.repeat(100))
    await vi.waitUntil(() => page.provider.unsaved.kept === 0)
    expect(page.client.unsaved).toMatchObject({ count: 2, kept: 0 })
    expect(await everything.left('ada')).toMatchObject([{ count: 1 }])
    await page.take()
    await emptied()
  })

  it('has room for so many documents', async () => {
    await gone('a')
    const edits = (await everything.left('ada'))[0]!
    const small = indexedDBStore(name, { ...KEPT, entries: 1 })
    await small.save({ ...edits, count: 2 })
    await expect(small.save({ ...edits, writer: 'another' })).rejects.toMatchObject({ code: 'client.full' })
  })

  it('forgets what is old, whosever it is', async () => {
    await gone('a')
    const edits = (await everything.left('ada'))[0]!
    await everything.save({ ...edits, at: Date.now() - KEPT.age - 1 })
    await everything.left('bob')
    expect(await everything.left('ada')).toEqual([])
  })

  it('that cannot be had leaves everything in memory', async () => {
    vi.stubGlobal('indexedDB', { open: () => { throw new DOMException('no', 'SecurityError') } })
    const page = await Page.joined()
    page.write('a')
    await page.provider['keeper']!['line']
    expect(page.client.unsaved).toMatchObject({ count: 1, kept: 0 })
    await page.take()
    expect(text(server)).toBe('aHello')
  })
})

describe('a client', () => {
  it('sends nothing for somebody else who has signed in since', async () => {
    const page = await Page.joined()
    page.write('a')
    await page.kept(1)
    page.socket.end(1006)
    page.client.hurry()
    await settled()
    const socket = Scripted.last.welcome({ user: { id: 'bob', name: 'Bob', kind: 'human' } })
    expect(page.client.status).toMatchObject({ state: 'stopped', reason: 'auth.identity_change' })
    expect(socket.sent.map(({ type }) => type)).toEqual(['hello'])
    page.client.connect()
    await settled()
    Scripted.last.welcome({ user: { id: 'ada', name: 'Ada', kind: 'human' } })
    expect(page.client.status.state).toBe('live')
    expect(page.client.unsaved.count).toBe(1)
  })
})
