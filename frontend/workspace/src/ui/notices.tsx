/** Short news at the edge of the page: what went wrong, and what was done. */

import { signal } from '@preact/signals'
import { CommandError } from '@bduf/realtime'
import { Icon } from './icons.js'

interface Notice { id: number, text: string, bad: boolean }

const notices = signal<Notice[]>([])
let last = 0

export function tell (text: string, { bad = false } = {}): void {
  const id = ++last
  notices.value = [...notices.value.slice(-3), { id, text, bad }]
  setTimeout(() => dismiss(id), bad ? 12_000 : 5_000)
}

/** Tells what is wrong in the server's words, and what to do where we know. */
export function complain (error: unknown): void {
  tell(wordsOf(error), { bad: true })
  if (!(error instanceof CommandError)) console.error(error)
}

export function wordsOf (error: unknown): string {
  if (error instanceof CommandError) return error.message
  if (error instanceof TypeError) return 'The server does not answer. Is the connection up?'
  return 'Something went wrong. Load the page again if it does not go away.'
}

function dismiss (id: number): void {
  notices.value = notices.value.filter(notice => notice.id !== id)
}

export function Notices () {
  return <div class="notices" role="status" aria-live="polite">
    {notices.value.map(({ id, text, bad }) => <div class={bad ? 'notice bad' : 'notice'} key={id}>
      <span>{text}</span>
      <button class="button bare compact" onClick={() => dismiss(id)} aria-label="Dismiss"><Icon name="close" /></button>
    </div>)}
  </div>
}
