/** Where the page is: every view has an address that can be sent to somebody. */

import { signal } from '@preact/signals'

export type Place =
  | { view: 'home' }
  | { view: 'project', project: string }
  | { view: 'session', session: string, document: string | null, version: string | null, approval: string | null }
  | { view: 'document', document: string, version: string | null, approval: string | null }
  | { view: 'approval', approval: string }
  | { view: 'decision', token: string }
  | { view: 'inbox' }
  | { view: 'preferences' }
  | { view: 'join', token: string }
  | { view: 'nowhere' }

const ID = '([0-9a-f-]{36})'
const PART = `(?:/versions/(latest|[0-9a-f-]{36})|/approvals/${ID})?`
const PATHS: Array<[RegExp, (parts: string[]) => Place]> = [
  [/^\/$/, () => {
    const invitation = /^#invitation=(.+)$/.exec(location.hash)?.[1]
    return invitation === undefined ? { view: 'home' } : { view: 'join', token: invitation }
  }],
  [new RegExp(`^/projects/${ID}$`), ([project = '']) => ({ view: 'project', project })],
  [
    new RegExp(`^/sessions/${ID}(?:/documents/${ID}${PART})?$`),
    ([session = '', document, version, approval]) => ({ view: 'session', session, document: document ?? null, version: version ?? null, approval: approval ?? null })
  ],
  [new RegExp(`^/documents/${ID}${PART}$`), ([document = '', version, approval]) => ({ view: 'document', document, version: version ?? null, approval: approval ?? null })],
  [new RegExp(`^/approvals/${ID}$`), ([approval = '']) => ({ view: 'approval', approval })],
  [/^\/approvals\/link$/, () => ({ view: 'decision', token: location.hash.slice(1) })],
  [/^\/inbox$/, () => ({ view: 'inbox' })],
  [/^\/preferences$/, () => ({ view: 'preferences' })]
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
  inbox: '/inbox',
  preferences: '/preferences',
  project: (project: string) => `/projects/${project}`,
  session: (session: string) => `/sessions/${session}`,
  document: (document: string, session: string | null = null, version: string | null = null) =>
    `${session === null ? '' : `/sessions/${session}`}/documents/${document}${version === null ? '' : `/versions/${version}`}`,
  /** A request for approval, beside its document where it has one. */
  approval: ({ id, session, subject }: { id: string, session: string | null, subject: { document: string } | null }) =>
    `${subject === null ? '' : paths.document(subject.document, session)}/approvals/${id}`
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
