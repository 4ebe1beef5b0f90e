import { paths } from '../router.js'
import { wordsOf } from './notices.js'

/** In place of what cannot be shown: why, and where to go instead. */
export function Trouble ({ error }: { error: unknown }) {
  return <div class="empty">
    <strong>That cannot be shown</strong>
    <p role="alert">{wordsOf(error)}</p>
    <div class="row">
      <button class="button" onClick={() => location.reload()}>Try again</button>
      <a class="button" href={paths.home}>All projects</a>
    </div>
  </div>
}
