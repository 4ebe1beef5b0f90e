/** The one connection of the page, and what it looks like to who uses it. */

import { computed, signal } from '@preact/signals'
import { Client, type Status } from '@bduf/realtime'
import { token } from './identity.js'

export const client = new Client({ token, name: 'workspace', version: '0.1.0' })

export const status = signal<Status>(client.status)
/** Since when something waits to be confirmed, by what it is of. */
const waiting = signal<Record<string, number>>({})

client.on('status', (now: Status) => { status.value = now })
client.on('unsaved', (_count: number, since: number | null) => { note('commands', since) })

/** Notes that something of the page waits since then, or no more. */
export function note (what: string, since: number | null): void {
  const { [what]: _, ...others } = waiting.value
  waiting.value = since === null ? others : { ...others, [what]: since }
}

export const unsaved = computed(() => {
  const all = Object.values(waiting.value)
  return { count: all.length, since: all.length === 0 ? null : Math.min(...all) }
})

/** Closing the page now would lose what the server has not confirmed. */
addEventListener('beforeunload', event => {
  if (unsaved.value.count > 0) event.preventDefault()
})
