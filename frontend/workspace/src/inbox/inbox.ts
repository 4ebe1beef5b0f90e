/** What the user of this page is told, live and after every break. */

import { effect, signal } from '@preact/signals'
import { Notifications, type NotificationInfo } from '@bduf/realtime'
import { me } from '../identity.js'
import { client } from '../realtime.js'
import { complain } from '../ui/notices.js'

let inbox: Notifications | null = null
let owner: string | undefined

/** How many are unread. */
export const unread = signal(0)
/** The unread ones, the newest first; another list whenever anything may have changed. */
export const newest = signal<NotificationInfo[]>([])

effect(() => {
  const user = me.value?.id
  if (user === undefined || user === owner) return
  owner = user
  inbox = new Notifications(client, user)
  inbox.on('changed', () => {
    unread.value = inbox!.unread
    newest.value = [...inbox!.list]
  })
})

export function read (ids: string[] | 'all'): void {
  inbox?.read(ids).catch(complain)
}
