/** What a user is told: what is unread, and news as it comes; the same on every device, and after any break. */

import { ObservableV2 } from 'lib0/observable'
import type { Client } from './client.js'
import type { Joined, Room, RoomEvent } from './room.js'
import type { NotificationCreated, NotificationInfo, NotificationRead, NotificationsSubscribed } from './wire.js'

/** What Notifications tell. */
export interface NotificationsEvents {
  /** What is unread is other than before, here or on another device. */
  changed: () => void
  /** The user is told something: now, again, or while there was no connection. */
  told: (notification: NotificationInfo) => void
}

const KEPT = 500

/** A user's notifications, or those about some topics, from now until `destroy`. */
export class Notifications extends ObservableV2<{ [K in keyof NotificationsEvents]: NotificationsEvents[K] }> {
  /** How many are unread, of whatever topic. */
  unread = 0
  /** The unread ones, the newest first; of very many the first. */
  list: NotificationInfo[] = []
  /** The user's own room. */
  readonly room: Room

  /** `user` is who the client is, `topics` what is wanted: kinds (`approval.*`) and `project:<id>`; none is everything. */
  constructor (private readonly client: Client, user: string, topics: string[] = []) {
    super()
    this.room = client.own(`user:${user}`, topics)
    this.room.on('joined', this.joined)
    this.room.on('event', this.event)
  }

  /** Notes that the user has read some, or all; on every device. */
  async read (ids: string[] | 'all'): Promise<void> {
    const all = ids === 'all'
    const { data: { unread } } = await this.client.send('notification:read', all ? { all } : { ids })
    this.mark({ ids: all ? [] : ids, all, unread }) // the answer stands for the event
  }

  override destroy (): void {
    this.room.off('joined', this.joined)
    this.room.off('event', this.event)
    this.room.leave()
    super.destroy()
  }

  private readonly joined = (joined: Joined): void => {
    const { unread, notifications } = joined as unknown as NotificationsSubscribed
    this.list = notifications
    this.turn(unread)
  }

  private readonly event = ({ type, data }: RoomEvent): void => {
    if (type === 'notification:read') {
      this.mark(data as NotificationRead)
    } else if (type === 'notification:created') {
      const { notification, unread } = data as NotificationCreated
      this.list = [notification, ...this.list.filter(({ id }) => id !== notification.id)].slice(0, KEPT)
      this.turn(unread)
      this.emit('told', [notification])
    }
  }

  private mark ({ ids, all, unread }: NotificationRead): void {
    this.list = all ? [] : this.list.filter(({ id }) => !ids.includes(id))
    this.turn(unread)
  }

  private turn (unread: number): void {
    this.unread = unread
    this.emit('changed', [])
  }
}
