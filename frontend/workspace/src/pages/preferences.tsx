import { useEffect, useState } from 'preact/hooks'
import { rest } from '../identity.js'
import type { Channel, Kind, Preferences } from '../inbox/preferences.js'
import { paths } from '../router.js'
import { Bar } from '../ui/bar.js'
import { complain } from '../ui/notices.js'
import { entitle } from '../ui/title.js'
import { Trouble } from '../ui/trouble.js'
import { at } from '../ui/words.js'

const PATH = 'notifications/preferences/'
const CHANNELS: Array<[Channel, string]> = [['in_app', 'Here'], ['email', 'By e-mail']]
const DELAYS: Array<[number, string]> = [[0, 'at once'], [300, 'after 5 minutes'], [900, 'after 15 minutes'], [3_600, 'after an hour'], [14_400, 'after 4 hours'], [86_400, 'after a day']]

/** What the user is told of, and how. */
export function PreferencesPage () {
  const [now, setNow] = useState<Preferences | null>(null)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    entitle('Preferences')
    rest.get<Preferences>(PATH).then(setNow, setError)
  }, [])
  const change = (changes: object): void => { rest.patch<Preferences>(PATH, changes).then(setNow, complain) }
  if (error !== null) return <><Bar /><main class="page"><Trouble error={error} /></main></>
  if (now === null) return <><Bar /><div class="loading" role="status" aria-label="Loading" /></>
  const { kinds, mail_after: delay, mutes } = now
  const delays = DELAYS.some(([seconds]) => seconds === delay) ? DELAYS : [[delay, `after ${Math.round(delay / 60)} minutes`] as [number, string], ...DELAYS]
  return <>
    <Bar><a href={paths.inbox} class="wide">Inbox</a><span aria-hidden="true" class="wide">/</span><strong>Preferences</strong></Bar>
    <main class="page">
      <header><h1>Preferences</h1></header>
      <section class="card" aria-labelledby="kinds">
        <header><h2 id="kinds">What I am told</h2></header>
        <table class="kinds">
          <thead><tr><th scope="col">When</th>{CHANNELS.map(([channel, words]) => <th scope="col" key={channel}>{words}</th>)}</tr></thead>
          <tbody>{kinds.map(kind => <KindRow key={kind.kind} kind={kind} own={Object.hasOwn(now.patterns, kind.kind)} change={change} />)}</tbody>
        </table>
        <label class="item"><span class="grow">Mail what is still unread<br /><span class="quiet small">Several go in one mail.</span></span>
          <select class="input role" value={delay} onChange={event => change({ mail_after: Number(event.currentTarget.value) })}>{delays.map(([seconds, words]) => <option key={seconds} value={seconds}>{words}</option>)}</select>
        </label>
      </section>
      <section class="card" aria-labelledby="muted">
        <header><h2 id="muted">Muted</h2></header>
        {mutes.length === 0
          ? <div class="empty"><p>Nothing. In the menu of a project or session you mute it: then you are told only what you must act on.</p></div>
          : <ul class="items">{mutes.map(({ scope, until }) => <li class="item" key={scope}>
            <Muted scope={scope} until={until} /><button class="button compact" onClick={() => change({ unmute: [scope] })}>Unmute</button>
          </li>)}</ul>}
      </section>
    </main>
  </>
}

function KindRow ({ kind: { kind, title, channels, default: usual, must_act: must }, own, change }: { kind: Kind, own: boolean, change: (changes: object) => void }) {
  const usually = CHANNELS.filter(([channel]) => usual.includes(channel)).map(([, words]) => words.toLowerCase()).join(' and ')
  return <tr>
    <th scope="row">{title}<br /><span class="quiet small">{own
      ? <button class="link" onClick={() => change({ kinds: { [kind]: null } })}>As usual: {usually || 'not at all'}</button>
      : must ? 'You must act on it: it is always shown.' : ' '}</span></th>
    {CHANNELS.map(([channel, words]) => {
      const on = channels.includes(channel)
      const next = on ? channels.filter(one => one !== channel) : [...channels, channel]
      return <td key={channel}><input type="checkbox" aria-label={`${title}: ${words}`} checked={on} disabled={must && channel === 'in_app'} onChange={() => change({ kinds: { [kind]: next } })} /></td>
    })}
  </tr>
}

/** A project or session by name. */
function Muted ({ scope, until }: { scope: string, until: string | null }) {
  const [kind, id = ''] = scope.split(':')
  const [name, setName] = useState('')
  useEffect(() => { rest.get<{ name: string }>(`${kind}s/${id}/`).then(found => setName(found.name), () => {}) }, [scope]) // gone, or closed
  return <span class="grow"><a href={kind === 'project' ? paths.project(id) : paths.session(id)}>{name || `A ${kind}`}</a>
    {until !== null && <><br /><span class="quiet small">until {at(until)}</span></>}</span>
}
