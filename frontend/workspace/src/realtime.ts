/** The one connection of the page, and what it looks like to who uses it. */

import { signal } from '@preact/signals'
import { Client, type Status, type Unsaved } from '@bduf/realtime'
import { forget, token } from './identity.js'

// Close codes: the token is not accepted any more; the server is about to stop.
const REFUSED = 4401
const DRAINING = 4503

export const client = new Client({ token, name: 'workspace', version: '0.1.0' })

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

/** Closing the page now would lose what the server has not confirmed. */
addEventListener('beforeunload', event => {
  if (unsaved.value.count > 0) event.preventDefault()
})
