/** A question before what cannot be taken back. */

import { signal } from '@preact/signals'
import { Dialog } from './dialog.js'

interface Question { text: string, yes: string, then: () => void }

const question = signal<Question | null>(null)

/** Does `then` once the person says `yes`, the button's words. */
export function ask (text: string, yes: string, then: () => void): void {
  question.value = { text, yes, then }
}

export function Questions () {
  if (question.value === null) return null
  const { text, yes, then } = question.value
  const close = (): void => { question.value = null }
  return <Dialog title="Are you sure?" close={close}>
    <p>{text}</p>
    <div class="row">
      <button class="button danger" onClick={() => { close(); then() }}>{yes}</button>
      <button class="button" onClick={close} autofocus>Cancel</button>
    </div>
  </Dialog>
}
