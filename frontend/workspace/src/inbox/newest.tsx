import { paths } from '../router.js'
import { read, unread } from './inbox.js'
import { NotificationList, useNotifications } from './list.js'

/** The newest notifications, under the bell. */
export function Newest () {
  const listed = useNotifications(8)
  return <div class="newest">
    <header><h2>Notifications</h2>{unread.value > 0 && <button class="button bare compact" onClick={() => read('all')}>Mark all read</button>}</header>
    {listed === null ? <div class="loading" role="status" aria-label="Loading" />
      : listed.results.length === 0 ? <p class="empty">Nothing yet. What waits for you, and what became of it, is told here.</p>
        : <NotificationList listed={listed.results} />}
    <footer><a class="button bare compact" href={paths.inbox}>All notifications</a><a class="button bare compact" href={paths.preferences}>Preferences</a></footer>
  </div>
}
