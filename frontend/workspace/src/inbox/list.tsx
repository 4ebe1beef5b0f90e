import { useEffect, useState } from 'preact/hooks'
import type { NotificationInfo } from '@bduf/realtime'
import { rest } from '../identity.js'
import { complain } from '../ui/notices.js'
import { ago } from '../ui/words.js'
import { newest, read } from './inbox.js'

export interface Listed { count: number, results: NotificationInfo[] }

/** The newest notifications, or the newest unread ones; asked for again when there is news. */
export function useNotifications (limit: number, unreadOnly = false): Listed | null {
  const [listed, setListed] = useState<Listed | null>(null)
  const news = newest.value
  useEffect(() => {
    let late = false
    rest.get<Listed>(`notifications/?limit=${limit}${unreadOnly ? '&unread=true' : ''}`).then(found => { if (!late) setListed(found) }, complain)
    return () => { late = true }
  }, [limit, unreadOnly, news])
  return listed
}

const presses = ({ must_act: must, settled_at: settled }: NotificationInfo): boolean => must && settled === null

/** Notifications: what must be acted on first, wherever it is among the others. */
export function NotificationList ({ listed }: { listed: NotificationInfo[] }) {
  const known = new Map([...newest.value.filter(presses), ...listed].map(one => [one.id, one]))
  const all = [...known.values()]
  return <ul class="items">{[...all.filter(presses), ...all.filter(one => !presses(one))].map(one => <li key={one.id}><Row note={one} /></li>)}</ul>
}

function Row ({ note }: { note: NotificationInfo }) {
  const { id, title, body, link, created_at: since } = note
  const unread = note.read_at === null
  const look = (): void => { if (unread) read([id]) }
  const words = <>
    <span class="dot" aria-hidden="true" />
    <span class="grow"><span class="name">{title}</span>{unread && <span class="visually-hidden"> (unread)</span>}
      {body !== '' && <span class="line quiet small">{body}</span>}<span class="line quiet small">{ago(since)}</span></span>
    {presses(note) && <span class="end"><span class="tag warn">to do</span></span>}
  </>
  const kind = `item note${unread ? ' unread' : ''}`
  return /^\/(?!\/)/.test(link) ? <a class={kind} href={link} onClick={look}>{words}</a> : <button class={kind} onClick={look}>{words}</button>
}
