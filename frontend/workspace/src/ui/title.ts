/** The title of the tab: where one is, and how much is unread. */

import { effect, signal } from '@preact/signals'
import { unread } from '../inbox/inbox.js'

const title = signal('')

effect(() => {
  const parts = [title.value, 'BDUF'].filter(Boolean).join(' · ')
  document.title = unread.value === 0 ? parts : `(${unread.value}) ${parts}`
})

export function entitle (...parts: Array<string | undefined>): void {
  title.value = parts.filter(Boolean).join(' · ')
}
