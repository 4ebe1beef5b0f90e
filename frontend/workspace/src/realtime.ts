/** The one connection of the page, and what it looks like to who uses it. */

import { signal } from '@preact/signals'
import { Client, indexedDBStore, type Status, type Unsaved } from '@bduf/realtime'
import { forget, isGuest, token } from './identity.js'

// Close codes: the token is not accepted any more; the server is about to stop.
const REFUSED = 4401
const DRAINING = 4503

/** Where edits of texts wait for the server when the page is gone. */
export const store = indexedDBStore('bduf-edits')

export const client = new Client({ token, store, name: 'workspace', version: '0.1.0' })

export const status = signal<Status>(client.status)
export const unsaved = signal<Unsaved>(client.unsaved)
/** Whether the connection is gone because the server said that it stops. */
export const restarts = signal(false)

client.on('status', (now: Status) => {
  status.value = now
  if (now.state === 'live') restarts.value = false
  else if (now.state === 'draining' || now.code === DRAINING) restarts.value = true
  if (now.code === REFUSED) forget()
})
client.on('unsaved', (now: Unsaved) => { unsaved.value = now })

/** How many edits outlive the page: of guests none, who are gone with the tab. */
export const kept = (): number => isGuest() ? 0 : unsaved.value.kept

/** Closing the page now would lose what is neither confirmed nor kept. */
addEventListener('beforeunload', event => {
  if (unsaved.value.count > kept()) event.preventDefault()
})
