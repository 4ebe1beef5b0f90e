import { useState } from 'preact/hooks'
import type { DocumentInfo, Room } from '@bduf/realtime'
import { go, paths } from '../router.js'
import { Icon } from '../ui/icons.js'
import { ago } from '../ui/words.js'
import { Ask } from './ask.js'
import { RequestView } from './request.js'
import { toneOf, WORDS, type Requests } from './requests.js'

interface Props {
  document: DocumentInfo | null
  requests: Requests
  room: Room | null
  /** The request that is shown, of all of them. */
  open: string | null
  permissions: string[]
  role: string
}

/** The requests for approval of a document: all of them, or one. */
export function Approvals ({ document, requests, room, open, permissions, role }: Props) {
  const [asking, setAsking] = useState(false)
  if (open !== null) {
    return <div class="approvals">
      {document !== null && <a class="button bare compact back" href={paths.document(document.id, document.session)}><Icon name="back" />All requests</a>}
      <RequestView id={open} room={room} permissions={permissions} role={role} note={requests.note} key={open} />
    </div>
  }
  if (document === null) return <div class="empty"><p>Open a document, and its requests for approval are here.</p></div>
  const writes = permissions.includes('write')
  return <div class="approvals">
    {requests.list.length === 0
      ? <div class="empty"><strong>Nobody has asked yet</strong><p>Who asks for approval ties it to exactly what is in the document: when that changes, it is seen.</p></div>
      : <ul class="requests">{requests.list.map(one => <li key={one.id}>
        <a class="request" href={paths.approval(one)}>
          <span class="row"><span class="name grow">{one.title}</span><span class={toneOf(one)}>{WORDS[one.state]}</span></span>
          <span class="quiet small">{one.explanation}</span>
          <span class="quiet small">{one.requested_by.name}, {ago(one.created_at)}</span>
        </a>
      </li>)}</ul>}
    {writes && <button class="button primary" onClick={() => setAsking(true)}>Ask for approval</button>}
    {asking && <Ask document={document} close={() => setAsking(false)} done={approval => {
      requests.note(approval)
      setAsking(false)
      go(paths.approval(approval))
    }} />}
  </div>
}
