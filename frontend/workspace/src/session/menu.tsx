import type { SessionInfo } from '@bduf/realtime'
import { rest } from '../identity.js'
import { Mute } from '../inbox/mute.js'
import { Icon } from '../ui/icons.js'
import { Menu } from '../ui/menu.js'
import { complain } from '../ui/notices.js'
import { ask } from '../ui/question.js'

/** What may be done with a session, as far as the caller may. */
export function SessionMenu ({ session: { id, status }, permissions }: { session: SessionInfo, permissions: string[] }) {
  const manages = status !== 'ended' && permissions.includes('manage_participants')
  const call = (what: string): void => { rest.post(`sessions/${id}/${what}/`, {}).catch(complain) }
  return <Menu label="Session menu" summary={<Icon name="more" />}>
    <Mute scope={`session:${id}`} />
    {manages && (status === 'active'
      ? <button class="button bare" onClick={() => call('pause')}><Icon name="pause" />Pause: read-only for all</button>
      : <button class="button bare" onClick={() => call('resume')}><Icon name="play" />Resume</button>)}
    {manages && permissions.includes('delete_session') && <button class="button bare danger"
      onClick={() => ask('The session ends for everybody. Its documents stay readable.', 'End the session', () => call('end'))}><Icon name="stop" />End the session</button>}
  </Menu>
}
