/** A Yjs document over the client's socket, together with everything else that is on it. */

import { fromBase64, toBase64 } from 'lib0/buffer'
import { ObservableV2 } from 'lib0/observable'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { pause } from './backoff.js'
import type { Client } from './client.js'
import type { Unsaved } from './commands.js'
import { hideCursors, showCursors } from './cursors.js'
import { Edits } from './edits.js'
import { CommandError } from './errors.js'
import { Keeper, type Place } from './keeper.js'
import { ahead, brought, lacked, possible, type Vector } from './missing.js'
import type { Ephemeral, Joined, Room, RoomEvent } from './room.js'
import type { KeptEdits } from './store.js'
import type { DocumentInfo } from './wire.js'

/** What a provider tells. */
export interface ProviderEvents {
  /** Whether this document has all that the server has. */
  synced: (synced: boolean) => void
  /** What of the edits here the server has not confirmed. */
  unsaved: (unsaved: Unsaved) => void
  /** The server does not take the edits here, why, and what is not taken, as one update; null when it does again. */
  refused: (error: CommandError | null, update: Uint8Array | null) => void
}

interface TextState {
  document?: DocumentInfo | string
  update?: string | null
  state_vector?: string | null
  large?: boolean
}

const UPDATED = 'collaboration:document:updated'
// Beside the update there is the envelope; and base64 makes four characters of three bytes.
const envelope = (limit: number): number => Math.floor((limit - 1_024) / 4) * 3

/** How a document is opened. */
export interface ProviderOptions {
  /** The session that it is in: cursors are those of the session then. */
  session?: string
  /** What it is called, for a list of what is kept; by default what the server says. */
  title?: string
}

/** Keeps a Y.Doc the same as a document of strategy `merge`; its text is the root `content`. */
export class DocumentProvider extends ObservableV2<{ [K in keyof ProviderEvents]: ProviderEvents[K] }> {
  /** The document's room. */
  readonly room: Room
  /** Cursors, for editors: the state's `cursor` is sent, and others are shown by their `user` and `cursor`. */
  readonly awareness: Awareness
  /** Whether the document has all that the server has. */
  synced = false
  /** What the server says of the document; null while it has not. */
  info: DocumentInfo | null = null
  /** Why the server does not take the edits here; null while it does. */
  refusal: CommandError | null = null
  /** Whether an edit was refused for what it says: none that follows can be taken, as they stand on each other. */
  stuck = false
  /** What the caller may do here, as far as it is known. */
  permissions: string[] = []

  private readonly session: Room | null
  private readonly edits = new Edits()
  /** Keeps them, where the client has a store and knows whose they are. */
  private keeper: Keeper | null = null
  /** As whom Yjs knows the user: here, and on earlier pages. */
  private readonly mine: Set<number>
  private destroyed = false
  /** Whether it has had all that the server has before. */
  private begun = false
  /** Tells an answer to the newest question for the document's state from older ones. */
  private turn = 0
  private tries = 0
  /** Whether what was refused was made again from what the server has. */
  private mended = false
  /** Said of edits of others, which the server has lost and only they may send; those from here are sent without. */
  private theirs: CommandError | null = null
  private lost = 0
  private clock: ReturnType<typeof setTimeout> | undefined
  private cursor: ReturnType<typeof setTimeout> | undefined

  /** Begins at once. */
  constructor (readonly client: Client, readonly document: string, readonly doc: Y.Doc, private readonly options: ProviderOptions = {}) {
    super()
    const { session } = options
    this.awareness = new Awareness(doc)
    this.mine = new Set([doc.clientID])
    this.room = client.room(`document:${document}`)
    this.session = session === undefined ? null : client.room(`session:${session}`)
    client.writers.add(this)
    this.room.on('joined', this.joined)
    this.room.on('left', this.left)
    this.room.on('event', this.heard)
    this.room.on('written', this.written)
    const cursors = this.session ?? this.room
    cursors.on('ephemeral', this.moved)
    cursors.on('joined', this.move)
    doc.on('update', this.edited)
    this.awareness.on('update', this.pointed)
    showCursors(this.awareness, document, [...cursors.cursors.values()], this)
    client.on('connected', this.keep)
    this.keep()
    if (this.room.joined !== null) { // for somebody else, a while ago
      this.permissions = this.room.joined.permissions
      void this.synchronise()
    }
  }

  /** What of the edits here the server has not confirmed. */
  get unsaved (): Unsaved {
    const { unsaved } = this.edits
    if (this.theirs !== null && unsaved.count === 0) return { since: this.lost, count: 1, kept: 0 }
    return { ...unsaved, kept: this.keeper?.kept ?? 0 }
  }

  /** The edits here that the server has not confirmed, as one update. */
  get unconfirmed (): Uint8Array | null {
    return this.edits.all
  }

  /**
   * Ends it for this page. What the server has not confirmed is still sent, and counts among the client's `unsaved`
   * until then; what it refuses for good is given up here, and stays in the client's store.
   */
  override destroy (): void {
    if (this.destroyed) return
    this.destroyed = true
    clearTimeout(this.cursor)
    this.doc.off('update', this.edited)
    const cursors = this.session ?? this.room
    cursors.off('ephemeral', this.moved)
    cursors.off('joined', this.move)
    this.client.whisper('collaboration:cursor:move', { ...this.place, position: null })
    this.awareness.off('update', this.pointed)
    this.awareness.destroy()
    this.session?.leave()
    super.destroy()
    if (this.unsaved.count === 0 || this.refusal?.retryable === false) this.leave()
  }

  /** Tries again what was refused, e.g. after a role has changed. */
  retry (): void {
    if (this.refusal !== null && this.room.joined !== null) {
      this.mended = false
      void this.synchronise()
    }
  }

  /**
   * Gives up what the server has not confirmed, in the store, too. The Y.Doc keeps it, as nothing is ever taken out of
   * one: destroy both, and make a new provider with a new Y.Doc.
   */
  discard (): void {
    this.edits.clear()
    this.theirs = null
    this.changed()
  }

  private leave (): void {
    if (!this.client.writers.delete(this)) return
    clearTimeout(this.clock)
    this.turn++
    this.client.off('connected', this.keep)
    this.room.off('joined', this.joined)
    this.room.off('left', this.left)
    this.room.off('event', this.heard)
    this.room.off('written', this.written)
    this.room.leave()
    this.client.tell()
    void this.keeper?.close().then(this.client.tell)
  }

  // --- what comes ----------------------------------------------------------------------------------------------

  private readonly joined = (joined: Joined): void => {
    this.permissions = joined.permissions
    if (joined.recovered !== 'full') {
      void this.synchronise(joined.state as unknown as TextState)
    } else if (!this.begun) { // somebody else was here before
      void this.synchronise()
    } else {
      this.entered()
    }
  }

  private readonly left = (error: CommandError | null): void => {
    this.turn++
    this.arrived(false)
    hideCursors(this.awareness, this)
    if (error !== null) this.failed(error)
  }

  private readonly heard = (event: RoomEvent): void => {
    if (event.type !== UPDATED) return
    const { update } = event.data as { update?: string | null }
    if (typeof update === 'string') Y.applyUpdate(this.doc, fromBase64(update), this)
    // What it was missing may have come.
    if (this.theirs !== null || this.refusal?.details['reason'] === 'missing_deps') this.later()
  }

  private readonly written = (update: Uint8Array, by: unknown): void => {
    if (by !== this) Y.applyUpdate(this.doc, update, this)
  }

  /** Takes all that the server has, which is asked for unless it is given, and sends what it lacks. */
  private async synchronise (given?: TextState): Promise<void> {
    const turn = ++this.turn
    try {
      let state = given ?? await this.ask()
      if (state.large === true) {
        state = { ...state, ...await this.client.rest.get<TextState>(`documents/${this.document}/content/?yjs=true`) }
      }
      if (turn === this.turn) this.take(state)
    } catch (error) {
      if (turn === this.turn) this.failed(error)
    }
  }

  private async ask (): Promise<TextState> {
    const vector = this.theirs === null ? { state_vector: toBase64(Y.encodeStateVector(this.doc)) } : {}
    const question = { document: this.document, ...vector }
    return (await this.client.send('collaboration:document:sync', question, { once: true })).data
  }

  private take ({ document, update, state_vector: vector }: TextState): void {
    if (typeof document === 'object') this.info = document
    const content = update == null ? null : fromBase64(update)
    if (content !== null) Y.applyUpdate(this.doc, content, this)
    const has = vector == null ? new Map<number, number>() : Y.decodeStateVector(fromBase64(vector))
    this.begun = true
    this.edits.settle(this.adopt)
    this.edits.replace(this.lacked(has, content))
    this.stuck = false
    this.changed()
    this.entered()
  }

  /** What the server lacks that has so much, as far as it can take that from here. */
  private lacked (has: Vector, content: Uint8Array | null): Uint8Array | null {
    if (this.theirs === null || content === null) {
      // Or something was deleted, which no state vector says.
      return this.edits.unsaved.count > 0 || ahead(this.doc, has).length > 0 ? lacked(this.doc, has) : null
    }
    const lost = ahead(this.doc, has).filter(([client]) => !this.mine.has(client))
    if (lost.length > 0) return possible(this.doc, has, content, lost)
    this.theirs = null
    return lacked(this.doc, has)
  }

  /** Puts edits of an earlier page into the document; returns what of them was not in it. */
  private readonly adopt = (update: Uint8Array): Uint8Array | null => {
    const news = brought(this.doc, update, this)
    const { pendingStructs, pendingDs } = this.doc.store // what they stand on is missing
    return pendingStructs === null && pendingDs === null ? news : update
  }

  private entered (): void {
    this.arrived()
    if (this.edits.unsaved.count === 0) this.refuse(this.theirs)
    this.next()
  }

  private arrived (synced = true): void {
    if (this.synced !== synced) {
      this.synced = synced
      this.emit('synced', [synced])
    }
  }

  // --- what goes -----------------------------------------------------------------------------------------------

  private readonly edited = (update: Uint8Array, origin: unknown): void => {
    if (origin === this) return
    this.edits.add(update)
    this.changed()
    this.next()
  }

  /** Sends what waits as one edit, when the one before it is confirmed. */
  private next (): void {
    if (this.room.joined === null || !this.synced || this.stuck) return
    const limit = envelope(this.client.connected?.limits['message_bytes'] ?? 65_536)
    const update = this.edits.next(limit)
    if (update === null) return
    this.post(update, limit).then(() => {
      this.room.emit('written', [update, this])
      this.edits.answered(update, true)
      this.tries = 0
      this.mended = false
      this.refuse(this.theirs)
      this.changed()
      this.next()
    }, (error: unknown) => {
      this.edits.answered(update, false)
      this.failed(error)
    })
  }

  private async post (update: Uint8Array, limit: number): Promise<void> {
    const most = this.client.connected?.limits['document_update_bytes'] ?? Infinity
    if (update.length > most) { // the server would say so, too, after all of it was sent
      throw new CommandError('doc.update_rejected', `An edit has up to ${most} bytes.`, false, null, { reason: 'size' })
    }
    const encoded = toBase64(update)
    if (update.length <= limit) {
      await this.client.send('collaboration:document:update', { document: this.document, update: encoded })
    } else {
      await this.client.rest.patch(`documents/${this.document}/content/`, { update: encoded })
    }
  }

  /** Does about a refusal what can be done: enters the room again, sends otherwise, or later; and else says it. */
  private failed (thrown: unknown): void {
    const error = CommandError.from(thrown, 'client.network')
    const { code, details: { reason } } = error
    if (code === 'client.closed') return // the room is entered again, and then it is sent
    if (code === 'room.not_joined') {
      this.room.join()
    } else if (!this.mended && (reason === 'missing_deps' || reason === 'client_id' || code === 'msg.id_conflict')) {
      this.mended = true
      if (reason === 'client_id') { // the server was put back to an older state
        this.theirs = error
        this.lost = Date.now()
      }
      void this.synchronise()
    } else {
      this.stuck = code === 'doc.update_rejected' || code.startsWith('msg.')
      this.refuse(error)
      if (error.retryable) this.later(error.retryAfter ?? 0)
      else if (this.destroyed) this.leave()
    }
  }

  private later (wait = 0): void {
    clearTimeout(this.clock)
    this.clock = setTimeout(() => {
      if (this.room.joined !== null) void this.synchronise()
    }, pause(this.tries++, wait))
  }

  private refuse (error: CommandError | null): void {
    if (this.refusal !== error) {
      this.refusal = error
      this.emit('refused', [error, error === null ? null : this.unconfirmed])
    }
  }

  private changed (): void {
    this.keeper?.changed()
    this.tell()
    if (this.destroyed && this.unsaved.count === 0) this.leave()
  }

  private readonly tell = (): void => {
    this.emit('unsaved', [this.unsaved])
    this.client.tell()
  }

  // --- what outlives the page ----------------------------------------------------------------------------------

  private readonly keep = (): void => {
    const { client: { store, user }, document, options: { session = null, title } } = this
    if (store === null || user === null || this.keeper !== null) return
    const place = (): Place => ({ user, document, session, title: title ?? this.info?.title ?? '', clients: [...this.mine] })
    this.keeper = new Keeper(store, this.edits, place, this.inherit, this.tell)
  }

  private readonly inherit = (kept: KeptEdits): void => {
    for (const client of kept.clients) this.mine.add(client)
    this.edits.inherit(kept)
    if (!this.client.writers.has(this)) return // it is for whoever comes next
    if (this.begun) this.edits.settle(this.adopt)
    if (this.refusal !== null) this.emit('refused', [this.refusal, this.unconfirmed])
    this.changed()
    this.next()
  }

  // --- cursors -------------------------------------------------------------------------------------------------

  private get place (): { document: string, session?: string } {
    const { session } = this.options
    return { document: this.document, ...(session === undefined ? {} : { session }) }
  }

  private readonly moved = ({ type, data }: Ephemeral): void => {
    if (type === 'collaboration:cursor:moved') {
      showCursors(this.awareness, this.document, data.cursors, this)
    }
  }

  private readonly pointed = (_changed: unknown, origin: unknown): void => {
    if (origin !== 'local') return
    // Once a tick: the server passes on no more.
    this.cursor ??= setTimeout(this.move, this.client.connected?.cursor_tick_ms ?? 50)
  }

  private readonly move = (): void => {
    clearTimeout(this.cursor)
    this.cursor = undefined
    const state = this.awareness.getLocalState()
    const cursor = state?.['cursor'] as { anchor: object, head: object } | null | undefined
    if (state === null || (this.session ?? this.room).joined === null) return
    const { anchor, head } = JSON.parse(JSON.stringify(cursor ?? {})) as { anchor?: Record<string, unknown>, head?: Record<string, unknown> }
    this.client.whisper('collaboration:cursor:move', anchor === undefined || head === undefined
      ? { ...this.place, position: {} }
      : { ...this.place, position: head, selection: { anchor, head } })
  }
}
