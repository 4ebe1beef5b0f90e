import { useEffect, useState } from 'preact/hooks'
import type { ApprovalInfo, Room } from '@bduf/realtime'
import { me, rest } from '../identity.js'
import { paths } from '../router.js'
import { Changes, type Diff } from '../session/changes.js'
import { Icon } from '../ui/icons.js'
import { complain } from '../ui/notices.js'
import { Trouble } from '../ui/trouble.js'
import { ago, at } from '../ui/words.js'
import { Conversations } from './conversations.js'
import { Decide } from './decide.js'
import { RequestMenu } from './menu.js'
import { toneOf, useRequest, WORDS, type Request } from './requests.js'
import { Stages } from './stages.js'

interface Props {
  id: string
  room: Room | null
  permissions: string[]
  role: string
  note: (approval: ApprovalInfo) => void
}

/** One request: what it waits for, who decided what, what has changed, and what the caller may do. */
export function RequestView ({ id, room, permissions, role, note }: Props) {
  const { request, error, read } = useRequest(id, room)
  /** The content that the caller has looked at, and so decides on; and the version then: another's vote keeps a newer one. */
  const [seen, setSeen] = useState<{ hash: string, version: string | undefined } | null>(null)
  const look = (now: Request): void => setSeen({ hash: now.content_hash, version: now.subject?.version })
  const [comparing, setComparing] = useState(false)
  /** The content whose differences are on the screen. */
  const [compared, setCompared] = useState<string | null>(null)
  useEffect(() => { if (request !== null && seen === null) look(request) }, [request])
  if (error !== null && request === null) return <Trouble error={error} />
  if (request === null || seen === null) return <div class="loading" role="status" aria-label="Loading" />
  const { subject, state } = request
  const pending = state === 'pending'
  const kept = request.policy.on_change === 'keep'
  const moved = pending && seen.hash !== request.content_hash
  const base = moved ? seen.version : subject?.version
  const comparable = subject !== null && (request.stale || moved || kept || !pending)
  const changed = async (answer: Promise<{ data: { approval: ApprovalInfo } }>): Promise<void> => {
    try {
      note((await answer).data.approval)
    } finally {
      await read()
    }
  }
  return <article class="one" aria-labelledby="request">
    <header>
      <div class="row"><h3 id="request" class="grow">{request.title}</h3><span class={toneOf(request)}>{WORDS[state]}</span>
        <RequestMenu request={request} permissions={permissions} role={role} changed={changed} /></div>
      <p class="quiet small">{request.requested_by.name} asked {ago(request.created_at)}{pending && request.due_at !== null && <> · until {at(request.due_at)}</>}
        {subject !== null && kept && <> · of <a href={paths.document(subject.document, request.session, subject.version)}>version {subject.seq}</a>, whatever is in the document now</>}</p>
      <p class="explanation" role="status">{request.explanation}</p>
      {request.description !== '' && <p class="words">{request.description}</p>}
      {request.payload !== null && <details><summary>What comes with it</summary><pre class="payload" tabIndex={0}>{JSON.stringify(request.payload, null, 2)}</pre></details>}
    </header>
    <Stages request={request} />
    {comparable && <section class="changes" aria-label="Changes">
      {pending && request.stale && <p class="banner warn">The document has changed since version {subject.seq}.</p>}
      <button class="button compact" aria-expanded={comparing} onClick={() => setComparing(!comparing)}><Icon name="history" />{comparing ? 'Hide what changed since' : 'What changed since'}</button>
      {comparing && <Compared document={subject.document} version={base!} now={request.content_hash} shown={() => setCompared(request.content_hash)} />}
    </section>}
    {pending && <Decide request={request} seen={seen.hash} compare={comparing && compared === request.content_hash ? null : () => { void read().then(() => setComparing(true)) }} accept={() => look(request)} changed={changed} mine={me.value?.id ?? ''} />}
    <Conversations request={request} writes={permissions.includes('write')} changed={changed} />
    <p class="quiet small">SHA-256 <code class="hash">{request.content_hash}</code></p>
  </article>
}

/** How a document differs from the version that was asked about, voted on last, or looked at. */
function Compared ({ document, version, now, shown }: { document: string, version: string, now: string, shown: () => void }) {
  const [diff, setDiff] = useState<Diff | null>(null)
  useEffect(() => {
    rest.get<Diff>(`documents/${document}/versions/${version}/diff/current/`).then(found => {
      setDiff(found)
      shown()
    }, complain)
  }, [version, now])
  return diff === null ? <div class="loading" role="status" aria-label="Loading" /> : <div class="diff"><Changes diff={diff} /></div>
}
