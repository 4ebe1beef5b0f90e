/** Whether what is seen is live and what was written is kept: the truth, in a few words. */

import { useEffect, useState } from 'preact/hooks'
import { client, status, unsaved } from '../realtime.js'

const STOPPED: Record<number, string> = {
  4401: 'Signed out: sign in again',
  4403: 'You were removed',
  4412: 'Too many windows are open',
  4423: 'This account is shut'
}

export function Connection () {
  const { state, code, next } = status.value
  const { count, since } = unsaved.value
  const now = useSecond(next !== null || since !== null)
  const late = since !== null && now - since > 2_000
  const [tone, text] = state === 'live'
    ? late ? ['warn', 'Saving …'] : ['good', 'Live']
    : state === 'draining' ? ['warn', 'Server restarts']
      : state === 'stopped' ? ['bad', STOPPED[code ?? 0] ?? 'Disconnected']
        : state === 'reconnecting' ? ['warn', next === null ? 'Reconnecting …' : `Reconnecting in ${Math.max(1, Math.ceil((next - now) / 1000))} s`]
          : ['quiet', 'Connecting …']
  const kept = count > 0 && state !== 'live' ? ` · ${count === 1 ? '1 unsaved edit is' : `${count} unsaved edits are`} kept here` : ''
  return <span class={`connection ${tone}`} role="status">
    <span class="dot" aria-hidden="true" />
    <span>{text}{kept}</span>
    {state === 'reconnecting' && <button class="button bare compact" onClick={client.hurry}>Now</button>}
    {state === 'stopped' && <button class="button bare compact" onClick={() => location.reload()}>Reload</button>}
  </span>
}

function useSecond (runs: boolean): number {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    if (!runs) return
    setNow(Date.now())
    const clock = setInterval(() => setNow(Date.now()), 500)
    return () => clearInterval(clock)
  }, [runs])
  return now
}
