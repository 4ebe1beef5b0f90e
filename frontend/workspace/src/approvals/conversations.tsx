import { useState } from 'preact/hooks'
import type { ApprovalInfo, CommentInfo } from '@bduf/realtime'
import { client } from '../realtime.js'
import { Avatar } from '../ui/avatar.js'
import { Icon } from '../ui/icons.js'
import { complain } from '../ui/notices.js'
import { at } from '../ui/words.js'
import type { Request } from './requests.js'

type Changed = (answer: Promise<{ data: { approval: ApprovalInfo } }>) => Promise<void>

/** What is said about a request: conversations with answers, closed when they are done. */
export function Conversations ({ request: { id, comments, policy }, writes, changed }: { request: Request, writes: boolean, changed: Changed }) {
  const begun = comments.filter(({ thread }) => thread === null)
  return <section class="conversations" aria-labelledby="conversations">
    <h4 id="conversations">Conversations</h4>
    {policy.resolve_comments && begun.some(one => one.resolved_at === null) && <p class="quiet small">It is approved when all of them are resolved.</p>}
    {begun.map(first => <Conversation key={first.id} approval={id} first={first} answers={comments.filter(({ thread }) => thread === first.id)} writes={writes} changed={changed} />)}
    <Say approval={id} label="Begin a conversation" changed={changed} />
  </section>
}

interface Props { approval: string, first: CommentInfo, answers: CommentInfo[], writes: boolean, changed: Changed }

function Conversation ({ approval, first, answers, writes, changed }: Props) {
  const [open, setOpen] = useState<boolean | null>(null)
  const resolved = first.resolved_at !== null
  const resolve = (): void => {
    setOpen(null)
    changed(client.send('approval:resolve', { approval, comment: first.id, resolved: !resolved })).catch(complain)
  }
  return <details class="conversation" open={open ?? !resolved} onToggle={event => setOpen(event.currentTarget.open)}>
    <summary>{first.author.name}{resolved ? `: resolved by ${first.resolved_by ?? 'somebody'}` : answers.length === 0 ? '' : `, ${answers.length} ${answers.length === 1 ? 'answer' : 'answers'}`}</summary>
    {[first, ...answers].map(({ id, author, body, at: moment }) => <div class="message" key={id}>
      <Avatar {...author} />
      <div><p><strong>{author.name}</strong> <time class="quiet small" dateTime={moment}>{at(moment)}</time></p><p class="body">{body}</p></div>
    </div>)}
    {!resolved && <Say approval={approval} thread={first.id} label={`Answer ${first.author.name}`} changed={changed} />}
    {writes && <button class="button bare compact" onClick={resolve}>{resolved ? 'Open again' : 'Resolve'}</button>}
  </details>
}

function Say ({ approval, thread, label, changed }: { approval: string, thread?: string, label: string, changed: Changed }) {
  const [body, setBody] = useState('')
  const [busy, setBusy] = useState(false)
  const say = (): void => {
    if (body.trim() === '' || busy) return
    setBusy(true)
    changed(client.send('approval:comment', { approval, body: body.trim(), ...(thread === undefined ? {} : { thread }) }, { durable: true }))
      .then(() => setBody(''), complain)
      .finally(() => setBusy(false))
  }
  return <form class="say" onSubmit={event => { event.preventDefault(); say() }}>
    <textarea class="input" rows={1} maxlength={10_000} placeholder={label} aria-label={label} value={body} onInput={event => setBody(event.currentTarget.value)}
      onKeyDown={event => { if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); say() } }} />
    <button class="button" aria-label="Say it" disabled={busy}><Icon name="send" /></button>
  </form>
}
