/** Where the page is: every view has an address that can be sent to somebody. */

import { signal } from '@preact/signals'

export type Place =
  | { view: 'home' }
  | { view: 'project', project: string }
  | { view: 'session', session: string, document: string | null, version: string | null }
  | { view: 'document', document: string, version: string | null }
  | { view: 'join', token: string }
  | { view: 'nowhere' }

const ID = '([0-9a-f-]{36})'
const VERSION = `(?:/versions/(latest|[0-9a-f-]{36}))?`
const PATHS: Array<[RegExp, (parts: string[]) => Place]> = [
  [/^\/$/, () => {
    const invitation = /^#invitation=(.+)$/.exec(location.hash)?.[1]
    return invitation === undefined ? { view: 'home' } : { view: 'join', token: invitation }
  }],
  [new RegExp(`^/projects/${ID}$`), ([project = '']) => ({ view: 'project', project })],
  [
    new RegExp(`^/sessions/${ID}(?:/documents/${ID}${VERSION})?$`),
    ([session = '', document, version]) => ({ view: 'session', session, document: document ?? null, version: version ?? null })
  ],
  [new RegExp(`^/documents/${ID}${VERSION}$`), ([document = '', version]) => ({ view: 'document', document, version: version ?? null })]
]

export function placeOf (path: string): Place {
  for (const [pattern, place] of PATHS) {
    const found = pattern.exec(path.replace(/(.)\/$/, '$1'))
    if (found !== null) return place(found.slice(1))
  }
  return { view: 'nowhere' }
}

export const place = signal<Place>(placeOf(location.pathname))

export const paths = {
  home: '/',
  project: (project: string) => `/projects/${project}`,
  session: (session: string) => `/sessions/${session}`,
  document: (document: string, session: string | null = null, version: string | null = null) =>
    `${session === null ? '' : `/sessions/${session}`}/documents/${document}${version === null ? '' : `/versions/${version}`}`
}

export function go (path: string, { replace = false } = {}): void {
  if (path !== location.pathname || location.hash !== '') history[replace ? 'replaceState' : 'pushState'](null, '', path)
  place.value = placeOf(path)
  scrollTo(0, 0)
}

export function startRouter (): void {
  addEventListener('popstate', () => { place.value = placeOf(location.pathname) })
  // Links of this page change the view; those that open elsewhere, or have a target, do what links do.
  document.addEventListener('click', event => {
    const link = (event.target as Element).closest?.('a')
    if (link === null || link === undefined || event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.target !== '' || link.hasAttribute('download')) return
    if (link.origin !== location.origin || placeOf(link.pathname).view === 'nowhere') return
    event.preventDefault()
    go(link.pathname)
  })
}
