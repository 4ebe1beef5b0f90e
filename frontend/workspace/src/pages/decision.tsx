import { useEffect, useState } from 'preact/hooks'
import { CommandError } from '@bduf/realtime'
import type { Request } from '../approvals/requests.js'
import { toneOf, WORDS } from '../approvals/requests.js'
import { DECISIONS, type Decision } from '../approvals/decide.js'
import { Stages } from '../approvals/stages.js'
import { page } from '../identity.js'
import { paths } from '../router.js'
import { Mark } from '../ui/icons.js'
import { wordsOf } from '../ui/notices.js'
import { entitle } from '../ui/title.js'
import { at } from '../ui/words.js'

interface Link { user: { user: string, name: string }, expires_at: string, approval: Request }

/** What a link in a mail opens, signed in or not: what is to be decided, and the decision. */
export function DecisionPage ({ token }: { token: string }) {
  const [link, setLink] = useState<Link | null>(null)
  const [done, setDone] = useState<Request | null>(null)
  const [wrong, setWrong] = useState<string | null>(null)
  const [comment, setComment] = useState('')
  const [busy, setBusy] = useState(false)
  const read = (): Promise<void> => page<Link>('POST', 'approvals/link/', { token }).then(setLink)
  useEffect(() => {
    entitle('Approval')
    read().catch(error => setWrong(wordsOf(error)))
  }, [token])
  const decide = async (decision: Decision): Promise<void> => {
    setBusy(true)
    setWrong(null)
    try {
      setDone(await page<Request>('POST', 'approvals/link/decide/', { token, decision, comment, content_hash: link!.approval.content_hash }))
    } catch (error) {
      const stale = error instanceof CommandError && error.code === 'approval.stale'
      setWrong(stale ? 'The document has changed since this page was opened. Nothing was decided: look at it again, and then decide.' : wordsOf(error))
      if (stale) await read().catch(() => {})
    } finally {
      setBusy(false)
    }
  }
  const request = done ?? link?.approval ?? null
  return <main class="sign-in decision"><div>
    <header><Mark /><h1>{request === null ? 'Approval' : request.title}</h1>
      {link !== null && <p class="quiet">{done === null ? `You decide as ${link.user.name}, once, until ${at(link.expires_at)}.` : `Thank you, ${link.user.name}. That is noted.`}</p>}</header>
    {request !== null && <div class="card form one">
      <p class="row"><span class={toneOf(request)}>{WORDS[request.state]}</span><span class="quiet small grow">asked by {request.requested_by.name}</span></p>
      <p class="explanation" role="status">{request.explanation}</p>
      {request.description !== '' && <p class="words">{request.description}</p>}
      <Stages request={request} />
      <p><a href={paths.approval(request)} target="_blank" rel="noopener">{request.subject === null ? 'Open the request' : `Read “${request.subject.title}”`}</a> <span class="quiet small">(after signing in)</span></p>
      {done === null && <>
        <label class="field"><span>Comment</span><textarea class="input" rows={2} maxlength={10_000} value={comment} onInput={event => setComment(event.currentTarget.value)} /></label>
        <div class="decisions">{DECISIONS.map(([decision, words, look]) => <button key={decision} class={`button ${look}`} disabled={busy} onClick={() => { void decide(decision) }}>{words}</button>)}</div>
      </>}
      <p class="quiet small">SHA-256 <code class="hash">{request.content_hash}</code></p>
    </div>}
    {wrong !== null ? <p class="wrong" role="alert">{wrong}</p> : request === null && <div class="loading" role="status" aria-label="Loading" />}
  </div></main>
}
