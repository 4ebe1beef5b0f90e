import { useEffect, useRef } from 'preact/hooks'
import type { MessageSent, RoomEvent } from '@bduf/realtime'
import { me } from '../identity.js'
import { client } from '../realtime.js'
import { Avatar } from '../ui/avatar.js'
import { Icon } from '../ui/icons.js'
import { complain } from '../ui/notices.js'
import { at } from '../ui/words.js'
import type { Log } from './log.js'

export function Chat ({ session, log, writes }: { session: string, log: Log, writes: boolean }) {
  const list = useRef<HTMLOListElement>(null)
  const messages = log.events.filter(({ type }) => type === 'collaboration:message:sent')
  useEffect(() => {
    list.current?.scrollTo(0, list.current.scrollHeight)
    log.read()
  }, [messages.length])
  const send = async (field: HTMLTextAreaElement): Promise<void> => {
    const body = field.value.trim()
    if (body === '') return
    field.value = ''
    try {
      const { seq = 0, epoch = '' } = await client.send('collaboration:message:send', { session, body }, { durable: true })
      // The ack stands for the event: nobody else tells us of our own message.
      const by = { user: me.value?.id ?? '', name: me.value?.name ?? '', kind: me.value?.kind ?? 'human' }
      log.heard({ type: 'collaboration:message:sent', room: `session:${session}`, epoch, seq, at: new Date().toISOString(), by, data: { session, body } } as RoomEvent)
    } catch (error) {
      field.value = body
      complain(error)
    }
  }
  return <div class="chat">
    <ol class="messages" ref={list} tabIndex={0} aria-label="Messages">
      {messages.length === 0 && <li class="empty"><p>What is said here stays with the session.</p></li>}
      {messages.map(({ seq, by, at: moment, data }) => <li class="message" key={seq}>
        <Avatar {...by} />
        <div><p><strong>{by.name}</strong> <time class="quiet small" dateTime={moment}>{at(moment)}</time></p><p class="body">{(data as MessageSent).body}</p></div>
      </li>)}
    </ol>
    {writes && <form class="say" onSubmit={event => { event.preventDefault(); void send(event.currentTarget.elements.namedItem('body') as HTMLTextAreaElement) }}>
      <textarea class="input" name="body" rows={1} maxlength={20_000} placeholder="Say something" aria-label="Message"
        onKeyDown={event => { if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); void send(event.currentTarget) } }} />
      <button class="button primary" aria-label="Send"><Icon name="send" /></button>
    </form>}
  </div>
}
