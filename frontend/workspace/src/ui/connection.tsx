/** Whether what is seen is live and what was written is kept: the truth, in a few words. */

import { useEffect, useState } from 'preact/hooks'
import { ended, isGuest, me, signIn } from '../identity.js'
import { client, kept, restarts, status, unsaved } from '../realtime.js'
import { Dialog } from './dialog.js'
import { Field, Form } from './form.js'
import { edits } from './words.js'

const SIGNED_OUT = 4401
const SHUT = 4423
const STOPPED: Record<number, string> = {
  [SIGNED_OUT]: 'Signed out.',
  4403: 'You were removed.',
  4412: 'Too many windows are open.',
  [SHUT]: 'This account is shut.'
}

export function Connection () {
  const { state, code, next } = status.value
  const { count, since } = unsaved.value
  const now = useSecond(next !== null || since !== null)
  const stopped = state === 'stopped'
  const out = !isGuest() && (ended.value || (stopped && (code === SIGNED_OUT || code === SHUT)))
  const [tone, text] = out ? ['bad', STOPPED[code ?? 0] ?? 'Signed out.']
    : state === 'live' ? since !== null && now - since > 2_000 ? ['warn', 'Saving …'] : ['good', 'Live']
      : stopped ? ['bad', STOPPED[code ?? 0] ?? 'Disconnected.']
        : restarts.value ? ['warn', 'The server restarts.']
          : state === 'reconnecting' ? ['warn', 'Offline.'] : ['quiet', 'Connecting …']
  const seconds = Math.max(1, Math.ceil(((next ?? now) - now) / 1000))
  return <>
    <span class={`connection ${tone}`} data-unsaved={count}>
      <span class="dot" aria-hidden="true" />
      <span role="status">{text}{count > 0 && state !== 'live' && ` ${edits(count, kept(), 'here')}`}</span>
      {state === 'reconnecting' && !out && <button class="button bare compact" onClick={client.hurry}>Try now ({seconds} s)</button>}
      {stopped && !out && <button class="button bare compact" onClick={() => location.reload()}>Reload</button>}
    </span>
    {out && <SignInAgain shut={code === SHUT} />}
  </>
}

/** Over a page whose sign-in has ended: what was written waits under it. */
function SignInAgain ({ shut }: { shut: boolean }) {
  const [shown, setShown] = useState(true)
  const { count } = unsaved.value
  if (!shown) return <button class="button compact primary" onClick={() => setShown(true)}>Sign in again</button>
  return <Dialog title={shut ? 'This account is shut' : 'You are signed out'} close={() => setShown(false)}>
    <p class="quiet">{count > 0 && `${edits(count, kept(), 'on this page')} `}
      {shut ? 'Whoever runs this server can open the account again. Then sign in, and the page goes on where it is.' : 'Sign in again, and the page goes on where it is.'}</p>
    <Form action="Sign in" send={async ({ username = '', password = '' }) => {
      await signIn(username, password)
      client.connect()
      client.hurry()
    }}>
      <Field label="User name" name="username" value={me.value?.username} readOnly autocomplete="username" />
      <Field label="Password" name="password" type="password" autocomplete="current-password" required autofocus />
    </Form>
  </Dialog>
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
