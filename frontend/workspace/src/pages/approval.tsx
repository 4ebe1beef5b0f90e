import { useEffect } from 'preact/hooks'
import { RequestView } from '../approvals/request.js'
import { useRequest } from '../approvals/requests.js'
import { go, paths } from '../router.js'
import { useRoom } from '../state.js'
import { Bar } from '../ui/bar.js'
import { entitle } from '../ui/title.js'
import { Trouble } from '../ui/trouble.js'

/** Where a request is opened by its id alone: beside its document, or here where it has none. */
export function ApprovalPage ({ id }: { id: string }) {
  const { request, error } = useRequest(id, null)
  const alone = request?.subject === null
  const live = useRoom<object>(alone ? (request.session === null ? `project:${request.project}` : `session:${request.session}`) : null, same => same)
  useEffect(() => {
    entitle(request?.title ?? 'Approval')
    if (request !== null && !alone) go(paths.approval(request), { replace: true })
  }, [request])
  if (error !== null) return <><Bar /><main class="page"><Trouble error={error} /></main></>
  if (!alone) return <><Bar /><div class="loading" role="status" aria-label="Loading" /></>
  return <>
    <Bar><a href={paths.project(request.project)}>Project</a><span aria-hidden="true">/</span><strong>{request.title}</strong></Bar>
    <main class="page"><div class="card approvals"><RequestView id={id} room={live.room} permissions={live.permissions} role={live.role} note={() => {}} /></div></main>
  </>
}
