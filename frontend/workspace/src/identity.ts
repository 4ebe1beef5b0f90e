/** Who is at this page: a login session of the browser's, or a guest of this tab's. */

import { signal } from '@preact/signals'
import { CommandError, Rest } from '@bduf/realtime'

export interface Me {
  id: string
  username: string
  name: string
  kind: string
  is_staff: boolean
}

/** Whether the sign-in has ended while the page is open: what is written stays until somebody signs in again. */
export const ended = signal(false)

/** Undefined while it is not known yet, null when nobody has signed in. */
export const me = signal<Me | null | undefined>(undefined)

interface Token { token: string, expires: number }

const GUEST = 'bduf.guest'
// The page says it, so that nobody has to ask in vain.
let signedIn = document.getElementById('app')?.dataset['signedIn'] === 'yes'
const MARGIN = 30_000 // milliseconds before its end in which a token is not used any more
let held: Token | null = null

/** A token that is valid now; rejects with CommandError when nobody is signed in. */
export async function token (): Promise<string> {
  const guest = sessionStorage.getItem(GUEST)
  if (guest !== null) return guest
  if (held === null || held.expires - Date.now() < MARGIN) {
    try {
      const traded = await page<{ token: string, expires_at: string }>('POST', 'auth/socket-token/')
      held = { token: traded.token, expires: Date.parse(traded.expires_at) }
    } catch (error) {
      if (me.value != null && error instanceof CommandError && error.code.startsWith('auth.')) ended.value = true
      throw error
    }
  }
  return held.token
}

/** Whether who is here has no account, and so nothing to sign in with. */
export const isGuest = (): boolean => sessionStorage.getItem(GUEST) !== null

/** Gives a token up that the server has refused. */
export function forget (): void {
  held = null
}

export const rest = new Rest('', token)

export async function whoAmI (): Promise<void> {
  if (sessionStorage.getItem(GUEST) === null && !signedIn) {
    me.value = null
    return
  }
  try {
    me.value = await rest.get<Me>('me/')
  } catch (error) {
    if (!(error instanceof CommandError) || !error.code.startsWith('auth.')) throw error
    sessionStorage.removeItem(GUEST)
    me.value = null
  }
}

export async function signIn (username: string, password: string): Promise<void> {
  await page('POST', 'auth/page/', { username, password })
  sessionStorage.removeItem(GUEST)
  signedIn = true
  ended.value = false
  await whoAmI()
}

export async function signOut (): Promise<void> {
  if (sessionStorage.getItem(GUEST) === null) await page('DELETE', 'auth/page/')
  sessionStorage.removeItem(GUEST)
  held = null
  location.assign('/') // and nothing of theirs is left on the page
}

/** Takes an invitation: with a name as a guest of this tab, without one as who is signed in. */
export async function accept (invitation: string, name: string): Promise<string> {
  const guest = me.value == null
  const body = guest ? { token: invitation, name } : { token: invitation }
  const call = guest ? page : rest.call.bind(rest)
  const accepted = await call<{ session: string, access?: string | null }>('POST', 'invitations/accept/', body)
  if (guest && accepted.access != null) {
    sessionStorage.setItem(GUEST, accepted.access)
    await whoAmI()
  }
  return accepted.session
}

/** Calls REST by the browser's login session. */
export async function page<T> (method: string, path: string, body?: unknown): Promise<T> {
  const secret = /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? ''
  const answer = await fetch(`/api/v1/${path}`, {
    method,
    headers: { 'Content-Type': 'application/json', 'X-CSRFToken': secret },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  const said = (await answer.json().catch(() => ({}))) as T & { code?: string, message?: string, details?: Record<string, unknown> }
  if (answer.ok) return said
  const code = answer.status === 401 || answer.status === 403 ? 'auth.invalid' : 'internal'
  throw new CommandError((said.code ?? code) as 'internal', said.message ?? 'The server does not answer.', answer.status >= 500, null, said.details)
}
