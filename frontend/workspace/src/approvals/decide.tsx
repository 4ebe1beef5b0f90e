import { useId, useState } from 'preact/hooks'
import { CommandError, type ApprovalInfo, type ApprovalDecide } from '@bduf/realtime'
import { client } from '../realtime.js'
import { complain } from '../ui/notices.js'
import type { Request } from './requests.js'
import { DECIDED } from './stages.js'

export type Decision = ApprovalDecide['decision']

export const DECISIONS: Array<[Decision, string, string]> = [
  ['approve', 'Approve', 'primary'], ['request_changes', 'Request changes', ''], ['reject', 'Reject', 'danger'], ['abstain', 'Abstain', '']
]

interface Props {
  request: Request
  /** The hash of the content that the caller has looked at. */
  seen: string
  /** Shows what changed since, unless it is shown. */
  compare: (() => void) | null
  accept: () => void
  changed: (answer: Promise<{ data: { approval: ApprovalInfo } }>) => Promise<void>
  mine: string
}

/** Where a request is decided, on the content that was seen; what changed meanwhile is shown first, and asked about again. */
export function Decide ({ request, seen, compare, accept, changed, mine }: Props) {
  const [comment, setComment] = useState('')
  const [busy, setBusy] = useState(false)
  const [refused, setRefused] = useState(false)
  const why = useId()
  const reason = request.to_decide ? null : whyNot(request, mine)
  const moved = seen !== request.content_hash
  const decide = async (decision: Decision): Promise<void> => {
    setBusy(true)
    try {
      await changed(client.send('approval:decide', { approval: request.id, decision, comment, content_hash: seen }, { durable: true }))
      setComment('')
      setRefused(false)
    } catch (error) {
      // The request was read again, and says itself what is different now.
      if (error instanceof CommandError && error.code === 'approval.stale') setRefused(true)
      else complain(error)
    } finally {
      setBusy(false)
    }
  }
  return <section class="decide form" aria-label="Your decision">
    {reason !== null ? <p class="quiet small" id={why}>{reason}</p>
      : moved
        ? <div class="moved" role="alert" id={why}>
          <p>The document has changed since you looked at it.{refused && ' Nothing was decided.'}</p>
          {compare !== null
            ? <button class="button compact" onClick={compare}>Show what changed</button>
            : <button class="button compact" onClick={accept}>I have seen what changed</button>}
        </div>
        : <label class="field"><span>Comment</span><textarea class="input" rows={2} maxlength={10_000} value={comment} onInput={event => setComment(event.currentTarget.value)} /></label>}
    <div class="decisions">{DECISIONS.map(([decision, words, look]) => <button key={decision} class={`button compact ${look}`} disabled={busy || moved || reason !== null}
      aria-describedby={reason !== null || moved ? why : undefined} onClick={() => { void decide(decision) }}>{words}</button>)}</div>
  </section>
}

function whyNot ({ requested_by: by, rules, stage, stages, votes, delegations }: Request, mine: string): string {
  const own = votes.find(vote => (vote.user === mine || vote.by.user === mine) && vote.stage === stage && !vote.stale)
  if (own !== undefined) return `You ${DECIDED[own.decision]}.`
  const to = delegations.find(({ seat }) => seat.user === mine)
  if (to !== undefined) return `You have ${to.to.name} decide for you.`
  const excluded: string[] = rules.stages[stage]?.exclude ?? ['requester']
  if (by.user === mine && excluded.includes('requester')) return 'You asked: others decide.'
  const waiting = stages[stage]!.waiting.map(({ name }) => name)
  if (waiting.length === 0) return 'There is nobody left who could decide.'
  return `It waits for ${waiting.slice(0, 3).join(', ')}${waiting.length > 3 ? ` and ${waiting.length - 3} others` : ''}, not for you.`
}
