import { useEffect, useState } from 'preact/hooks'
import type { ApprovalInfo, DocumentInfo } from '@bduf/realtime'
import { toneOf, WORDS } from '../approvals/requests.js'
import { rest } from '../identity.js'
import { go, paths } from '../router.js'
import { Field, Form } from '../ui/form.js'
import { Icon } from '../ui/icons.js'
import { complain, tell } from '../ui/notices.js'
import { at } from '../ui/words.js'
import { Changes, isEmpty, type Diff } from './changes.js'

interface Version { id: string, seq: number, title: string, automatic: boolean, author: string, created_at: string, content_hash: string }

interface Props { info: DocumentInfo, session: string | null, chosen: string, writes: boolean, requests: ApprovalInfo[] }

/** What was in a document before: the versions, how each differs from what is there now, and the way back. */
export function History ({ info, session, chosen, writes, requests }: Props) {
  const [versions, setVersions] = useState<Version[] | null>(null)
  const [diff, setDiff] = useState<Diff | null>(null)
  const path = `documents/${info.id}/versions/`
  const read = (): void => { rest.get<{ results: Version[] }>(path).then(({ results }) => setVersions(results), complain) }
  useEffect(read, [info.id])
  const version = versions?.find(({ id }) => id === chosen) ?? versions?.[0]
  useEffect(() => {
    setDiff(null)
    if (version !== undefined) rest.get<Diff>(`${path}${version.id}/diff/current/`).then(setDiff, complain)
  }, [version?.id])
  const restore = (): void => {
    rest.post(`${path}${version!.id}/restore/`, {}).then(() => {
      tell('The document is what it was then. What was there before is a version now.')
      go(paths.document(info.id, session))
    }, complain)
  }
  return <div class="history">
    <section aria-labelledby="versions">
      <h2 id="versions">Versions</h2>
      {writes && <Form action="Keep this moment" send={async ({ title }) => { await rest.post(path, { title }); read() }}>
        <Field label="Name" name="title" required maxlength={200} placeholder="Before the review" />
      </Form>}
      <ul class="items">{versions?.map(({ id, title, author, created_at: since }) => <li key={id}>
        <a class="item" href={paths.document(info.id, session, id)} aria-current={id === version?.id ? 'true' : undefined}>
          <span class="grow"><span class="name">{title || 'Kept by itself'}</span><br /><span class="quiet small">{at(since)}{author && ` · ${author}`}</span></span>
          <Signed request={requests.find(({ subject }) => subject?.version === id)} />
        </a>
      </li>)}</ul>
    </section>
    <section class="diff" aria-labelledby="changes">
      <header>
        <h2 id="changes">{version === undefined ? 'Changes' : `Changed since ${version.title === '' ? at(version.created_at) : `“${version.title}”`}`}</h2>
        {writes && diff !== null && !isEmpty(diff) && <button class="button compact" onClick={restore}><Icon name="history" />Restore this version</button>}
      </header>
      {versions !== null && version === undefined && <div class="empty"><strong>No versions yet</strong>
        <p>One is kept by itself a little after an edit, and whenever somebody keeps a moment under a name. Here you see what changed since, and go back.</p></div>}
      {version !== undefined && (diff === null ? <div class="loading" role="status" aria-label="Loading" /> : <Changes diff={diff} />)}
      {version !== undefined && <p class="quiet small">SHA-256 <code class="hash">{version.content_hash}</code></p>}
    </section>
  </div>
}

/** How the newest request stands that is about a version. */
function Signed ({ request }: { request: ApprovalInfo | undefined }) {
  return request === undefined ? null : <span class={toneOf(request)} title={request.title}>{request.state === 'pending' ? 'in review' : WORDS[request.state]}</span>
}
