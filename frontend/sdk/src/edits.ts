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
  private earlier: Edit | null = null
  /** How many were made so far. */
  made = 0

  /** Takes an edit that was made now. */
  add (update: Uint8Array): void {
    this.waiting.push({ update, since: Date.now(), count: 1 })
    this.made++
  }

  /** Takes edits of an earlier page; they are not sent before they are `settled`. */
  inherit ({ update, since, count }: Edit): void {
    const edit = { update, since, count }
    this.earlier = this.earlier === null ? edit : joined([this.earlier, edit])
  }

  /** What was inherited is to be sent before all that waits, as far as `lacked` says; null where it need not be. */
  settle (lacked: (update: Uint8Array) => Uint8Array | null): void {
    if (this.earlier === null) return
    const update = lacked(this.earlier.update)
    if (update !== null) this.waiting.unshift({ ...this.earlier, update })
    this.earlier = null
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
    this.flying = this.earlier = null
  }

  /** Has another update instead of all that waits; null where nothing needs to be sent. */
  replace (update: Uint8Array | null): void {
    if (update === null) {
      this.waiting = []
    } else {
      const { since, count } = total(this.waiting)
      if (count === 0) this.made++
      this.waiting = [{ update, since: since ?? Date.now(), count: Math.max(count, 1) }]
    }
  }

  /** All that is not confirmed as one update. */
  get all (): Uint8Array | null {
    const edits = this.edits
    return edits.length === 0 ? null : joined(edits).update
  }

  get unsaved (): Omit<Unsaved, 'kept'> {
    return total(this.edits)
  }

  private get edits (): Edit[] {
    return [this.earlier, this.flying, ...this.waiting].filter(edit => edit !== null)
  }
}

function total (edits: Edit[]): Omit<Unsaved, 'kept'> {
  return { since: edits[0]?.since ?? null, count: edits.reduce((sum, { count }) => sum + count, 0) }
}

function joined (edits: Edit[]): Edit {
  const [only] = edits
  if (only !== undefined && edits.length === 1) return only
  return { update: Y.mergeUpdates(edits.map(({ update }) => update)), since: only?.since ?? Date.now(), count: total(edits).count }
}
