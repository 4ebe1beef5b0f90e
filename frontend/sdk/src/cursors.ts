/** Cursors of others as states of a Yjs awareness, which editors know how to draw. */

import type { Awareness } from 'y-protocols/awareness'
import type { Cursor } from './wire.js'

/** The colours that users have, dark enough for white text. */
export const COLORS = [
  '#b42318', '#b54708', '#8a6100', '#4d7c0f', '#15803d', '#0f766e',
  '#0e7490', '#1d4ed8', '#4338ca', '#7e22ce', '#a21caf', '#be185d'
] as const

/** A user's colour, the same for everybody: the server picks it alike. */
export function colorOf (user: string): string {
  return COLORS[parseInt(user.slice(0, 8), 16) % COLORS.length] ?? COLORS[0]
}

/** A number for a connection that none of Yjs's own clients is likely to have. */
export function clientOf (connection: string): number {
  let hash = 2166136261 // FNV-1a
  for (const character of connection) hash = Math.imul(hash ^ character.charCodeAt(0), 16777619)
  return hash >>> 0
}

/** Shows others' cursors in a document, and takes away those that are gone or elsewhere. */
export function showCursors (awareness: Awareness, document: string, cursors: Cursor[], origin: unknown): void {
  const changed = { added: [] as number[], updated: [] as number[], removed: [] as number[] }
  for (const cursor of cursors) {
    const client = clientOf(cursor.connection)
    const known = awareness.states.has(client)
    if (cursor.position !== null && cursor.document === document) {
      awareness.states.set(client, stateOf(cursor))
      // Not forgotten as by other providers after half a minute: the server says when somebody is gone.
      awareness.meta.set(client, { clock: 0, lastUpdated: Number.MAX_SAFE_INTEGER })
      changed[known ? 'updated' : 'added'].push(client)
    } else if (known) {
      forget(awareness, client)
      changed.removed.push(client)
    }
  }
  tell(awareness, changed, origin)
}

/** Takes everybody else away, when it is not known any more where they are. */
export function hideCursors (awareness: Awareness, origin: unknown): void {
  const removed = [...awareness.states.keys()].filter(client => client !== awareness.clientID)
  for (const client of removed) forget(awareness, client)
  tell(awareness, { added: [], updated: [], removed }, origin)
}

function forget (awareness: Awareness, client: number): void {
  awareness.states.delete(client)
  awareness.meta.delete(client)
}

function tell (awareness: Awareness, changed: { added: number[], updated: number[], removed: number[] }, origin: unknown): void {
  if (changed.added.length + changed.updated.length + changed.removed.length > 0) {
    awareness.emit('change', [changed, origin])
    awareness.emit('update', [changed, origin])
  }
}

function stateOf ({ user, name, kind, position, selection }: Cursor): Record<string, unknown> {
  const { anchor = position, head = position } = selection ?? {}
  const color = colorOf(user)
  const cursor = isPlace(anchor) && isPlace(head) ? { anchor, head } : null
  return { user: { id: user, name, kind, color, colorLight: `${color}33` }, cursor }
}

function isPlace (value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('item' in value || 'tname' in value || 'type' in value)
}
