import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as Y from 'yjs'
import { Edits } from '../src/edits.js'

let doc: Y.Doc
let edits: Edits

const write = (text: string): void => doc.getText('content').insert(doc.getText('content').length, text)

function read (...updates: Uint8Array[]): string {
  const other = new Y.Doc()
  for (const update of updates) Y.applyUpdate(other, update)
  return other.getText('content').toString()
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000 })
  doc = new Y.Doc()
  edits = new Edits()
  doc.on('update', (update: Uint8Array) => edits.add(update))
})
afterEach(() => { vi.useRealTimers() })

describe('edits', () => {
  it('are sent one at a time, those that wait as one', () => {
    for (const letter of 'abc') write(letter)
    expect(read(edits.next(1_000)!)).toBe('abc')
    write('d')
    expect(edits.next(1_000)).toBeNull()
  })

  it('are sent in pieces that a frame takes; one that is too long goes alone', () => {
    for (const text of ['a'.repeat(50), 'b'.repeat(50), 'c'.repeat(500), 'd']) write(text)
    const sent: Uint8Array[] = []
    for (let update = edits.next(200); update !== null; update = edits.next(200)) {
      sent.push(update)
      edits.answered(update, true)
    }
    expect(sent.map(update => update.length > 200)).toEqual([false, true, false])
    expect(read(...sent)).toBe(doc.getText('content').toString())
  })

  it('know how many are not confirmed, and since when the oldest is', () => {
    expect(edits.unsaved).toEqual({ since: null, count: 0 })
    write('a')
    const sent = edits.next(1_000)!
    vi.setSystemTime(2_000)
    write('b')
    write('c')
    expect(edits.unsaved).toEqual({ since: 1_000, count: 3 })
    edits.answered(sent, true)
    expect(edits.unsaved).toEqual({ since: 2_000, count: 2 })
  })

  it('wait again, in their order, when one is not confirmed', () => {
    write('a')
    const sent = edits.next(1_000)!
    write('b')
    edits.answered(sent, false)
    expect(edits.unsaved).toEqual({ since: 1_000, count: 2 })
    expect(read(edits.next(1_000)!)).toBe('ab')
  })

  it('do not mind an answer to what was given up', () => {
    write('a')
    const sent = edits.next(1_000)!
    edits.clear()
    write('b')
    const other = edits.next(1_000)!
    edits.answered(sent, true)
    expect(edits.unsaved.count).toBe(1)
    edits.answered(other, true)
    expect(edits.all).toBeNull()
  })
})
