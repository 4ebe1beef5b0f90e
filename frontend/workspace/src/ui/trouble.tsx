import { CommandError } from '@bduf/realtime'
import { paths } from '../router.js'
import { Mark } from './icons.js'
import { wordsOf } from './notices.js'

/** In place of what cannot be shown: why, and where to go instead. */
export function Trouble ({ error }: { error: unknown }) {
  const hidden = error instanceof CommandError && (error.code === 'perm.denied' || error.code.endsWith('.not_found'))
  return <div class="empty">
    <strong>{hidden ? 'There is nothing here for you' : 'That cannot be shown'}</strong>
    <p role="alert">{hidden
      ? 'The address may be incomplete, what was here may be gone, or you are not a member of its project: then somebody in it can add you.'
      : wordsOf(error)}</p>
    <div class="row">
      <button class="button" onClick={() => location.reload()}>Try again</button>
      <a class="button" href={paths.home}>All projects</a>
    </div>
  </div>
}

/** In place of the whole page, when the server did not say who is at it. */
export function Unreachable ({ error, again }: { error: unknown, again: () => void }) {
  return <main class="sign-in"><div>
    <header>
      <Mark />
      <h1>The server does not answer</h1>
      <p class="quiet" role="alert">{error instanceof TypeError ? 'It may be restarting, or this computer is offline.' : wordsOf(error)}</p>
    </header>
    <button class="button primary" onClick={again}>Try again</button>
  </div></main>
}
