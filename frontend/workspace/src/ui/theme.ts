/** Light or dark: as the system has it, until somebody chooses. */

import { effect, signal } from '@preact/signals'

type Theme = 'light' | 'dark'

const KEY = 'bduf.theme'
const system = matchMedia('(prefers-color-scheme: dark)')
const chosen = localStorage.getItem(KEY) as Theme | null

export const theme = signal<Theme>(chosen ?? (system.matches ? 'dark' : 'light'))

system.addEventListener('change', () => {
  if (localStorage.getItem(KEY) === null) theme.value = system.matches ? 'dark' : 'light'
})
effect(() => { document.documentElement.dataset['theme'] = theme.value })

export function turn (): void {
  theme.value = theme.value === 'dark' ? 'light' : 'dark'
  localStorage.setItem(KEY, theme.value)
}
