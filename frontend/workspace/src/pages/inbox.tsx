import { useEffect, useState } from 'preact/hooks'
import { read, unread } from '../inbox/inbox.js'
import { NotificationList, useNotifications } from '../inbox/list.js'
import { paths } from '../router.js'
import { Bar } from '../ui/bar.js'
import { entitle } from '../ui/title.js'

const STEP = 30
const MOST = 500 // that the server lists at once

/** All that the user was told. */
export function InboxPage () {
  const [unreadOnly, setUnreadOnly] = useState(false)
  const [limit, setLimit] = useState(STEP)
  const listed = useNotifications(limit, unreadOnly)
  useEffect(() => entitle('Inbox'), [])
  return <>
    <Bar><strong>Inbox</strong></Bar>
    <main class="page">
      <header>
        <h1>Inbox</h1>
        <div class="row">
          <div class="modes" role="group" aria-label="Show">
            <button class="button bare compact" aria-pressed={!unreadOnly} onClick={() => setUnreadOnly(false)}>All</button>
            <button class="button bare compact" aria-pressed={unreadOnly} onClick={() => setUnreadOnly(true)}>Unread</button>
          </div>
          <button class="button compact" disabled={unread.value === 0} onClick={() => read('all')}>Mark all read</button>
          <a class="button compact" href={paths.preferences}>Preferences</a>
        </div>
      </header>
      {listed === null ? <div class="loading" role="status" aria-label="Loading" /> : <section class="card" aria-label="Notifications">
        {listed.results.length === 0
          ? <div class="empty"><strong>{unreadOnly ? 'All is read' : 'Nothing yet'}</strong><p>What waits for you, and what became of it, is told here.</p></div>
          : <NotificationList listed={listed.results} />}
      </section>}
      {listed !== null && listed.count > listed.results.length && limit < MOST && <button class="button more" onClick={() => setLimit(Math.min(MOST, limit + STEP))}>Load more</button>}
    </main>
  </>
}
