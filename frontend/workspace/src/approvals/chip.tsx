import { useEffect, useState } from 'preact/hooks'
import type { ApprovalInfo, DocumentInfo, DocumentProvider } from '@bduf/realtime'
import { rest } from '../identity.js'
import { paths } from '../router.js'
import { toneOf, WORDS } from './requests.js'

interface Props { info: DocumentInfo, requests: ApprovalInfo[], provider: DocumentProvider | null }

/** How a document's newest request stands, beside its title. */
export function Chip ({ info, requests, provider }: Props) {
  const newest = requests.find(({ state }) => state !== 'expired' && state !== 'cancelled')
  const version = newest?.state === 'approved' || newest?.state === 'bypassed' ? newest.subject!.version : null
  const changed = useChanged(info, version, provider)
  if (newest === undefined) return null
  const { stage, stages, state, subject } = newest
  const { approved, needed, name } = stages[stage]!
  const words = state === 'pending' ? `${name === '' ? '' : `${name}: `}${approved.length} of ${needed} ${needed === 1 ? 'approval' : 'approvals'}` : WORDS[state]!
  return <a class={`chip ${changed ? 'tag warn' : toneOf(newest)}`} href={paths.approval(newest)} title={newest.title}>
    {words[0]!.toUpperCase()}{words.slice(1)}{version !== null && ` · v${subject!.seq}`}{changed && ' (changed since)'}
  </a>
}

/** Whether the text of a document differs from that of a version. */
function useChanged (info: DocumentInfo, version: string | null, provider: DocumentProvider | null): boolean {
  const [approved, setApproved] = useState<string | null>(null)
  const [changed, setChanged] = useState(false)
  useEffect(() => {
    setApproved(null)
    if (version !== null && provider !== null) {
      rest.get<{ content: string }>(`documents/${info.id}/versions/${version}/`).then(({ content }) => setApproved(content), () => {}) // said without it, then
    }
  }, [version, provider])
  useEffect(() => {
    setChanged(false)
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
    }
  }, [approved, provider])
  return changed
}
