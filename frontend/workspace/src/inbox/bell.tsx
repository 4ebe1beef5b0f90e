import { lazy, Suspense } from 'preact/compat'
import { Icon } from '../ui/icons.js'
import { Menu } from '../ui/menu.js'
import { unread } from './inbox.js'

const Newest = lazy(() => import('./newest.js').then(({ Newest }) => Newest))

/** How much is unread, on every page, and under it the newest. */
export function Bell () {
  const { value: count } = unread
  return <Menu label={count === 0 ? 'Notifications' : `Notifications: ${count} unread`}
    summary={<span class="bell"><Icon name="bell" />{count > 0 && <span class="count">{count > 99 ? '99+' : count}</span>}</span>}>
    <Suspense fallback={<div class="loading" role="status" aria-label="Loading" />}><Newest /></Suspense>
  </Menu>
}
