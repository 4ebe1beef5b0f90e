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

const ApprovalPage = lazy(() => import('./pages/approval.js').then(({ ApprovalPage }) => ApprovalPage))
const LOADING = <div class="loading" role="status" aria-label="Loading" />

export function App () {
  const [trouble, setTrouble] = useState<unknown>(null)
  const ask = (): void => { whoAmI().then(() => setTrouble(null), setTrouble) }
  useEffect(ask, [])
  useEffect(() => { if (me.value != null) client.connect() }, [me.value])
  return <>
    {trouble !== null ? <Unreachable error={trouble} again={ask} /> : <View />}
    <Questions />
    <Notices />
  </>
}

function View () {
  const now = place.value
  if (me.value === undefined) return LOADING
  if (now.view === 'join') return <Join token={now.token} />
  if (me.value === null) return <SignIn />
  switch (now.view) {
    case 'home': return <Home />
    case 'project': return <ProjectPage project={now.project} key={now.project} />
    case 'session': return <SessionPage {...now} key={now.session} />
    case 'document': return <SessionPage session={null} {...now} key={now.document} />
    case 'approval': return <Suspense fallback={LOADING}><ApprovalPage id={now.approval} key={now.approval} /></Suspense>
    case 'nowhere': return <Nowhere />
  }
}
