import type { ParticipantInfo } from '@bduf/realtime'
import { rest } from '../identity.js'
import type { SessionState } from '../state.js'
import { Avatar } from '../ui/avatar.js'
import { Icon } from '../ui/icons.js'
import { complain } from '../ui/notices.js'

const ROLES = ['owner', 'moderator', 'participant', 'observer']

export function People ({ state, permissions, mine }: { state: SessionState, permissions: string[], mine: string }) {
  const manages = permissions.includes('manage_participants')
  const path = `sessions/${state.session.id}/participants/`
  const call = (call: Promise<unknown>): void => { call.catch(complain) }
  return <div class="people">
    {state.waiting.length > 0 && <section aria-labelledby="lobby">
      <h3 id="lobby">At the door</h3>
      <ul>{state.waiting.map(one => <li class="person" key={one.user}>
        <Avatar {...one} /><span class="grow">{one.name}</span>
        {manages && <>
          <button class="button compact primary" onClick={() => call(rest.post(`${path}${one.user}/admit/`))}>Admit</button>
          <button class="button compact" onClick={() => call(rest.post(`${path}${one.user}/deny/`))}>Deny</button>
        </>}
      </li>)}</ul>
    </section>}
    <section aria-labelledby="here">
      <h3 id="here">Here now</h3>
      <ul>{state.participants.map(one => <Row key={one.user} person={one} own={one.user === mine} manages={manages}
        change={role => call(rest.patch(`${path}${one.user}/`, { role }))} remove={() => call(rest.delete(`${path}${one.user}/`))} />)}</ul>
    </section>
  </div>
}

interface RowProps { person: ParticipantInfo, own: boolean, manages: boolean, change: (role: string) => void, remove: () => void }

function Row ({ person, own, manages, change, remove }: RowProps) {
  const { name, kind, role, guest } = person
  return <li class="person">
    <Avatar {...person} />
    <span class="grow">{name}{own && <span class="quiet"> (you)</span>}
      {(guest || kind !== 'human') && <><br /><span class="quiet small">{guest ? 'guest' : kind}</span></>}</span>
    {manages && !own
      ? <>
        <select class="input role" aria-label={`Role of ${name}`} value={role} onChange={event => change(event.currentTarget.value)}>
          {ROLES.map(one => <option key={one}>{one}</option>)}
        </select>
        <button class="button bare compact" onClick={remove} aria-label={`Remove ${name}`} title={`Remove ${name}`}><Icon name="close" /></button>
      </>
      : <span class="tag">{role}</span>}
  </li>
}
