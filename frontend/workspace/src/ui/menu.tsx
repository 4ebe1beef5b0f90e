import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

interface Props { label?: string, summary: ComponentChildren, compact?: boolean, children: ComponentChildren }

/** A menu under a button: Escape, what is chosen, and a click or the focus elsewhere close it. Its contents may ask the server: they are made when it opens. */
export function Menu ({ label, summary, compact = false, children }: Props) {
  const menu = useRef<HTMLDetailsElement>(null)
  const [open, setOpen] = useState(false)
  const close = (): void => {
    menu.current!.open = false
    menu.current!.querySelector('summary')!.focus() // where it comes back to after a dialog that opens now
  }
  useEffect(() => {
    if (!open) return
    const elsewhere = ({ target }: Event): void => { if (!menu.current!.contains(target as Node)) menu.current!.open = false }
    for (const event of ['pointerdown', 'focusin']) document.addEventListener(event, elsewhere)
    return () => { for (const event of ['pointerdown', 'focusin']) document.removeEventListener(event, elsewhere) }
  }, [open])
  return <details class="menu" ref={menu} onToggle={event => setOpen(event.currentTarget.open)}
    onKeyDown={event => { if (event.key === 'Escape' && menu.current!.open) close() }}>
    <summary class={compact ? 'button bare compact' : 'button bare'} aria-label={label} title={label}
      onClick={() => setOpen(!menu.current!.open)}>{summary}</summary>
    <div onClickCapture={event => { if ((event.target as Element).closest('.button, a') !== null) close() }}>{open && children}</div>
  </details>
}
