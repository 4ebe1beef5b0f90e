/** What has happened in a session so far, the newest last; from its log, and then as it happens. */

import { useEffect, useState } from 'preact/hooks'
import type { RoomEvent } from '@bduf/realtime'
import { client } from '../realtime.js'

export interface Log {
  events: RoomEvent[]
  /** Messages that came since the chat was looked at. */
  unread: number
  heard: (event: RoomEvent) => void
  read: () => void
}

const KEPT = 500

export function useLog (session: string | null): Log {
  const [events, setEvents] = useState<RoomEvent[]>([])
  const [unread, setUnread] = useState(0)
  const add = (more: RoomEvent[]): void => setEvents(before => {
    const known = new Map([...before, ...more].map(event => [event.seq, event]))
    return [...known.values()].sort((one, other) => one.seq - other.seq).slice(-KEPT)
  })
  useEffect(() => {
    if (session === null) return
    client.send('room:history', { room: `session:${session}`, limit: 200 })
      .then(({ data }) => add((data as unknown as { events: RoomEvent[] }).events), () => {}) // the room says why
  }, [session])
  return {
    events,
    unread,
    heard: event => {
      add([event])
      if (event.type === 'collaboration:message:sent') setUnread(count => count + 1)
    },
    read: () => setUnread(0)
  }
}
