import { useEffect, useState } from 'preact/hooks'
import { rest } from '../identity.js'
import { Icon } from '../ui/icons.js'
import { complain, tell } from '../ui/notices.js'
import type { Preferences } from './preferences.js'

/** In a menu: whether one hears of a project or session (`project:<id>`) at all. */
export function Mute ({ scope }: { scope: string }) {
  const [muted, setMuted] = useState<boolean | null>(null)
  useEffect(() => {
    rest.get<Preferences>('notifications/preferences/').then(({ mutes }) => setMuted(mutes.some(one => one.scope === scope)), complain)
  }, [scope])
  const turn = (): void => {
    rest.patch('notifications/preferences/', muted === true ? { unmute: [scope] } : { mute: [{ scope }] })
      .then(() => tell(muted === true ? 'You are told of it again.' : 'You are told only what you must act on.'), complain)
  }
  return <button class="button bare" disabled={muted === null} onClick={turn}><Icon name="bell" />{muted === true ? 'Unmute' : 'Mute'}</button>
}
