/** The one connection of the page, and what it looks like to who uses it. */

import { signal } from '@preact/signals'
import { Client, type Status, type Unsaved } from '@bduf/realtime'
import { token } from './identity.js'

export const client = new Client({ token, name: 'workspace', version: '0.1.0' })

export const status = signal<Status>(client.status)
export const unsaved = signal<Unsaved>(client.unsaved)

client.on('status', (now: Status) => { status.value = now })
client.on('unsaved', (now: Unsaved) => { unsaved.value = now })

/** Closing the page now would lose what the server has not confirmed. */
addEventListener('beforeunload', event => {
  if (unsaved.value.count > 0) event.preventDefault()
})
