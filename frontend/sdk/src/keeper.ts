/** Keeps what the server has not confirmed of a document in a store, from soon after it was made until it is confirmed. */

import { uuidv4 } from 'lib0/random'
import type { Edits } from './edits.js'
import type { EditStore, KeptEdits } from './store.js'

/** Whose edits they are, and of what. */
export type Place = Pick<KeptEdits, 'user' | 'document' | 'session' | 'title' | 'clients'>

const SOON = 100 // milliseconds: what is confirmed sooner, as nearly everything is, costs nothing

export class Keeper {
  private readonly writer = uuidv4()
  /** Whom this one has taken over from; what they kept is removed when it is kept here, or confirmed. */
  private readonly forebears: string[] = []
  private readonly releases: Array<() => void> = []
  /** How many of the edits made are kept. */
  private saved = 0
  private stored = false
  private stale = false
  private closed = false
  private clock: ReturnType<typeof setTimeout> | undefined
  private line: Promise<void>

  /** Begins with what earlier pages have left, of which `inherit` is told. */
  constructor (
    private readonly store: EditStore,
    private readonly edits: Edits,
    private readonly place: () => Place,
    inherit: (edits: KeptEdits) => void,
    private readonly told: () => void
  ) {
    this.line = this.open(inherit).catch(() => {}) // without a store it is as if nothing was left
    this.changed()
  }

  /** How many of the edits that are not confirmed outlive the page. */
  get kept (): number {
    return Math.max(0, this.edits.unsaved.count - (this.edits.made - this.saved))
  }

  /** Notes that edits were made, or confirmed. */
  changed (): void {
    if (this.closed) return
    this.stale = this.edits.unsaved.count > 0
    if (this.stale) {
      this.clock ??= setTimeout(() => { void this.write().then(() => this.again()) }, SOON)
    } else {
      clearTimeout(this.clock)
      this.clock = undefined
      if (this.stored || this.forebears.length > 0) void this.write()
    }
  }

  /** Ends it: what is kept by now may be taken over by others. */
  async close (): Promise<void> {
    this.closed = true
    clearTimeout(this.clock)
    await this.write()
    for (const release of this.releases.splice(0)) release()
  }

  private async open (inherit: (edits: KeptEdits) => void): Promise<void> {
    const { user, document } = this.place()
    const hold = async (writer: string): Promise<boolean> => {
      const release = await this.store.hold(writer)
      if (release !== null) this.releases.push(release)
      return release !== null
    }
    await hold(this.writer)
    for (const left of await this.store.left(user, document)) {
      if (!await hold(left.writer)) continue // another page was faster
      this.forebears.push(left.writer)
      inherit(left)
    }
  }

  private again (): void {
    this.clock = undefined
    if (this.stale) this.changed()
  }

  private async write (): Promise<void> {
    await (this.line = this.line.then(async () => {
      this.stale = false
      const { all: update, made, unsaved: { since, count } } = this.edits
      try {
        if (update !== null) {
          this.stored = true
          await this.store.save({ ...this.place(), writer: this.writer, update, count, since: since ?? Date.now(), at: Date.now() })
          this.saved = made
        } else if (this.stored) {
          await this.store.remove(this.writer)
          this.stored = false
        }
        for (let writer = this.forebears[0]; writer !== undefined; writer = this.forebears[0]) {
          await this.store.remove(writer)
          this.forebears.shift()
        }
      } catch {
        this.saved = -Infinity // whatever is kept is not all of it
      }
      this.told()
    }))
  }
}
