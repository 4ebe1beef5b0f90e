import type { ComponentChildren, TargetedSubmitEvent } from 'preact'
import { useState } from 'preact/hooks'
import { wordsOf } from './notices.js'

interface Props {
  action: string
  send: (values: Record<string, string>) => Promise<unknown>
  children: ComponentChildren
}

/** A form that says what is wrong, and cannot be sent twice at once. */
export function Form ({ action, send, children }: Props) {
  const [busy, setBusy] = useState(false)
  const [wrong, setWrong] = useState<string | null>(null)
  const submit = async (event: TargetedSubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault()
    const form = event.currentTarget
    const values = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]))
    setBusy(true)
    setWrong(null)
    try {
      await send(values)
      form.reset()
    } catch (error) {
      setWrong(wordsOf(error))
    } finally {
      setBusy(false)
    }
  }
  return <form class="form" onSubmit={event => { void submit(event) }}>
    {children}
    {wrong !== null && <p class="wrong" role="alert">{wrong}</p>}
    <div class="row"><button class="button primary" disabled={busy}>{busy ? 'One moment …' : action}</button></div>
  </form>
}

export function Field ({ label, ...input }: { label: string, name: string, [attribute: string]: unknown }) {
  return <label class="field"><span>{label}</span><input class="input" {...input} /></label>
}
