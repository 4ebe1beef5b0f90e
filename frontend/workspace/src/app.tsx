import { lazy, Suspense } from 'preact/compat'
import { useEffect, useState } from 'preact/hooks'
import { whoAmI, me } from './identity.js'
import { Home } from './pages/home.js'
import { Join } from './pages/join.js'
import { Nowhere } from './pages/nowhere.js'
import { ProjectPage } from './pages/project.js'
import { SessionPage } from './pages/session.js'
import { SignIn } from './pages/sign-in.js'
import { client } from './realtime.js'
import { place } from './router.js'
import { Notices } from './ui/notices.js'
import { Questions } from './ui/question.js'
import { Unreachable } from './ui/trouble.js'

const InboxPage = lazy(() => import('./pages/inbox.js').then(({ InboxPage }) => InboxPage))
const PreferencesPage = lazy(() => import('./pages/preferences.js').then(({ PreferencesPage }) => PreferencesPage))
const DecisionPage = lazy(() => import('./pages/decision.js').then(({ DecisionPage }) => DecisionPage))
const ApprovalPage = lazy(() => import('./pages/approval.js').then(({ ApprovalPage }) => ApprovalPage))
const LOADING = <div class="loading" role="status" aria-label="Loading" />

export function App () {
  const [trouble, setTrouble] = useState<unknown>(null)
  const ask = (): void => { whoAmI().then(() => setTrouble(null), setTrouble) }
  useEffect(ask, [])
  useEffect(() => { if (me.value != null) client.connect() }, [me.value])
  return <>
    {trouble !== null ? <Unreachable error={trouble} again={ask} /> : <Suspense fallback={LOADING}><View /></Suspense>}
    <Questions />
    <Notices />
  </>
}

function View () {
  const now = place.value
  if (me.value === undefined) return LOADING
  if (now.view === 'join') return <Join token={now.token} />
  if (now.view === 'decision') return <DecisionPage token={now.token} key={now.token} />
  if (me.value === null) return <SignIn />
  switch (now.view) {
    case 'home': return <Home />
    case 'project': return <ProjectPage project={now.project} key={now.project} />
    case 'session': return <SessionPage {...now} key={now.session} />
    case 'document': return <SessionPage session={null} {...now} key={now.document} />
    case 'approval': return <ApprovalPage id={now.approval} key={now.approval} />
    case 'inbox': return <InboxPage />
    case 'preferences': return <PreferencesPage />
    case 'nowhere': return <Nowhere />
  }
}
