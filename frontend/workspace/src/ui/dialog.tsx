import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { Icon } from './icons.js'

/** A dialog over the page: Escape and a click beside it close it, and the focus goes back to where it was. */
export function Dialog ({ title, close, children }: { title: string, close: () => void, children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => {
    const shown = dialog.current!
    shown.showModal()
    return () => shown.close() // before it is gone: who removes it leaves the focus nowhere
  }, [])
  return <dialog ref={dialog} class="dialog" aria-label={title} onClose={close}
    onClick={event => { if (event.target === dialog.current) dialog.current?.close() }}>
    <div>
      <header>
        <h2>{title}</h2>
        <button class="button bare" onClick={() => dialog.current?.close()} aria-label="Close"><Icon name="close" /></button>
      </header>
      {children}
    </div>
  </dialog>
}
