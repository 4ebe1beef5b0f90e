import type { Person, VoteInfo } from '@bduf/realtime'
import { Avatar } from '../ui/avatar.js'
import { at } from '../ui/words.js'
import type { Request } from './requests.js'

export const DECIDED: Record<VoteInfo['decision'], string> = {
  approve: 'approved', reject: 'rejected', request_changes: 'requested changes', abstain: 'abstained'
}
const SHOWN = 8 // of those who are to decide; the others are counted

/** How far each stage is: who decided what, and who is missing. */
export function Stages ({ request: { stages, stage: current, state, votes, delegations } }: { request: Request }) {
  return <ol class="stages">{stages.map(({ name, state: stands, needed, approved, missing, waiting, waiting_count: left }, number) => {
    const own = votes.filter(({ stage }) => stage === number)
    const again = (user: string): boolean => waiting.some(one => one.user === user)
    const others = waiting.filter(({ user }) => !own.some(vote => vote.user === user))
    const more = left - (waiting.length - others.length) - Math.min(SHOWN, others.length)
    const open = state === 'pending' && number === current
    return <li key={number} class={open ? 'stage-of open' : 'stage-of'}>
      <header class="row">
        <h4 class="grow">{name || (stages.length > 1 ? `Stage ${number + 1}` : 'Approvals')}</h4>
        <span class={stands === 'approved' ? 'tag good' : 'tag'}>{approved.length} of {needed}</span>
      </header>
      <progress max={needed} value={Math.min(needed, approved.length)} aria-label={`${approved.length} of ${needed} approvals`} />
      <ul>
        {own.map(vote => <Voted vote={vote} again={open && again(vote.user)} key={`${vote.user}:${vote.round}`} />)}
        {open && others.slice(0, SHOWN).map(one => <li class="person" key={one.user}>
          <Avatar {...one} /><span class="grow">{one.name}<Instead seat={one} delegations={delegations} /></span><span class="quiet small">{missing > 0 ? 'to decide' : ''}</span>
        </li>)}
      </ul>
      {open && more > 0 && <p class="quiet small">and {more} others</p>}
      {state === 'pending' && number > current && <p class="quiet small">Begins when the stage before has approved.</p>}
    </li>
  })}</ol>
}

function Instead ({ seat, delegations }: { seat: Person, delegations: Request['delegations'] }) {
  const found = delegations.find(one => one.seat.user === seat.user)
  return found === undefined ? null : <span class="quiet small"> has {found.to.name} decide</span>
}

function Voted ({ vote: { user, name, by, decision, comment, at: moment, stale, stale_since: since }, again }: { vote: VoteInfo, again: boolean }) {
  return <li class={stale ? 'person vote stale' : 'person vote'}>
    <Avatar user={user} name={name} />
    <div class="grow">
      {name}{by.user !== user && <span class="quiet small"> by {by.name}</span>}
      <br /><time class="quiet small" dateTime={moment}>{at(moment)}</time>{stale && <span class="warn small"> · stale since event {since}{again && ', to decide again'}</span>}
      {comment !== '' && <p class="words">{comment}</p>}
    </div>
    <span class={`verdict ${decision}`}>{DECIDED[decision]}</span>
  </li>
}
