/** What a document has that another lacks. Pure. */

import * as Y from 'yjs'

/** How far a document knows each client of Yjs. */
export type Vector = Map<number, number>

/** Up to where a document has structs of clients of which the other has less. */
export function ahead (doc: Y.Doc, has: Vector): Array<[number, number]> {
  return [...Y.decodeStateVector(Y.encodeStateVector(doc))].filter(([client, clock]) => (has.get(client) ?? 0) < clock)
}

/** What one lacks that has so much. */
export function lacked (doc: Y.Doc, has: Vector): Uint8Array {
  return Y.encodeStateAsUpdate(doc, Y.encodeStateVector(has))
}

/** Of that, what one with this content can take that was to have nothing of these clients, nor what stands on them. */
export function possible (doc: Y.Doc, has: Vector, content: Uint8Array, without: Array<[number, number]>): Uint8Array | null {
  const other = new Y.Doc()
  Y.applyUpdate(other, content)
  return brought(other, lacked(doc, new Map([...has, ...without])), null)
}

/** Puts an update into a document; returns what of it was not there. */
export function brought (doc: Y.Doc, update: Uint8Array, origin: unknown): Uint8Array | null {
  let news: Uint8Array | null = null
  const hear = (update: Uint8Array): void => { news ??= update }
  doc.on('update', hear)
  Y.applyUpdate(doc, update, origin)
  doc.off('update', hear)
  return news
}

/** What an update writes, without what it deletes: the words of each place as a line, in the order they were written. */
export function wordsOf (update: Uint8Array): string {
  let words = ''
  let end: Y.ID | null = null
  for (const struct of Y.decodeUpdate(update).structs) {
    if (!(struct instanceof Y.Item) || !(struct.content instanceof Y.ContentString)) continue
    if (words !== '' && !Y.compareIDs(struct.origin, end)) words += '\n'
    words += struct.content.str
    end = Y.createID(struct.id.client, struct.id.clock + struct.length - 1)
  }
  return words
}
