import { useEffect, useState } from 'preact/hooks'
import type { ApprovalInfo, DocumentInfo, DocumentProvider } from '@bduf/realtime'
import { rest } from '../identity.js'
import { paths } from '../router.js'
import { useRoom } from '../state.js'
import { toneOf, WORDS } from './requests.js'

interface Props { info: DocumentInfo, requests: ApprovalInfo[], provider: DocumentProvider | null }

/** How a document's newest request stands, beside its title. */
export function Chip ({ info, requests, provider }: Props) {
  const newest = requests.find(({ state }) => state !== 'expired' && state !== 'cancelled')
  const version = newest?.state === 'approved' || newest?.state === 'bypassed' ? newest.subject!.version : null
  const changed = useChanged(info, version === null ? null : newest!, provider)
  if (newest === undefined) return null
  const { stage, stages, state, subject } = newest
  const { approved_count: approved, needed } = stages[stage]!
  const words = state === 'pending' ? `${approved} of ${needed} ${needed === 1 ? 'approval' : 'approvals'}` : WORDS[state]!
  return <a class={`chip ${changed ? 'tag warn' : toneOf(newest)}`} href={paths.approval(newest)} title={`${newest.title}: ${newest.explanation}`}>
    {words[0]!.toUpperCase()}{words.slice(1)}{version !== null && ` · v${subject!.seq}`}{changed && ' (changed since)'}
  </a>
}

/** Whether what is in a document differs from what was signed. */
function useChanged ({ id, strategy }: DocumentInfo, signed: ApprovalInfo | null, provider: DocumentProvider | null): boolean {
  const [approved, setApproved] = useState<string | null>(null)
  const [changed, setChanged] = useState(false)
  const version = signed?.subject?.version ?? null
  const values = strategy !== 'merge' && signed !== null
  const look = (): void => {
    if (values) rest.get<{ content_hash: string }>(`documents/${id}/content/`).then(now => setChanged(now.content_hash !== signed.content_hash), () => {})
  }
  useEffect(look, [id, signed?.content_hash])
  useRoom<object>(values ? `document:${id}` : null, same => same, look)
  useEffect(() => {
    setApproved(null)
    if (version !== null && provider !== null) {
      rest.get<{ content: string }>(`documents/${id}/versions/${version}/`).then(({ content }) => setApproved(content), () => {}) // said without it, then
    }
  }, [version, provider])
  useEffect(() => {
    if (approved === null || provider === null) return
    const text = provider.doc.getText('content')
    // The text is empty until the server has answered, and comparing lengths spares most comparisons.
    const compare = (): void => setChanged(provider.synced && (text.length !== approved.length || text.toString() !== approved))
    compare()
    text.observe(compare)
    provider.on('synced', compare)
    return () => {
      text.unobserve(compare)
      provider.off('synced', compare)
      setChanged(false)
    }
  }, [approved, provider])
  return changed
}
