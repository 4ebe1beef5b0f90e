/** Edits of a text on their way to the server: one is under way, the others wait for its answer. Pure. */

import * as Y from 'yjs'
import type { Unsaved } from './commands.js'

interface Edit {
  update: Uint8Array
  since: number
  count: number
}

export class Edits {
  private waiting: Edit[] = []
  private flying: Edit | null = null

  /** Takes an edit that was made now. */
  add (update: Uint8Array): void {
    this.waiting.push({ update, since: Date.now(), count: 1 })
  }

  /** What is to be sent next, unless something is under way: of what waits, as much as has that many bytes. */
  next (bytes: number): Uint8Array | null {
    if (this.flying !== null || this.waiting.length === 0) return null
    let size = 0
    const over = this.waiting.findIndex(({ update }, at) => (size += update.length) > bytes && at > 0)
    this.flying = joined(this.waiting.splice(0, over < 0 ? Infinity : over))
    return this.flying.update
  }

  /** An update that was sent was confirmed, or was not: then it waits again, before the others. */
  answered (update: Uint8Array, confirmed: boolean): void {
    if (this.flying?.update !== update) return // it was given up
    if (!confirmed) this.waiting.unshift(this.flying)
    this.flying = null
  }

  /** Gives up everything. */
  clear (): void {
    this.waiting = []
    this.flying = null
  }

  /** Has another update instead of all that waits; null where nothing needs to be sent. */
  replace (update: Uint8Array | null): void {
    if (update === null) {
      this.waiting = []
    } else {
      const { since, count } = total(this.waiting)
      this.waiting = [{ update, since: since ?? Date.now(), count: Math.max(count, 1) }]
    }
  }

  /** All that is not confirmed as one update. */
  get all (): Uint8Array | null {
    const edits = this.edits
    return edits.length === 0 ? null : joined(edits).update
  }

  get unsaved (): Unsaved {
    return total(this.edits)
  }

  private get edits (): Edit[] {
    return this.flying === null ? this.waiting : [this.flying, ...this.waiting]
  }
}

function total (edits: Edit[]): Unsaved {
  return { since: edits[0]?.since ?? null, count: edits.reduce((sum, { count }) => sum + count, 0) }
}

function joined (edits: Edit[]): Edit {
  const [only] = edits
  if (only !== undefined && edits.length === 1) return only
  return { update: Y.mergeUpdates(edits.map(({ update }) => update)), since: only?.since ?? Date.now(), count: total(edits).count }
}
