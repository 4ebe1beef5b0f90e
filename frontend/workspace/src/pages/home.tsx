import { useEffect, useState } from 'preact/hooks'
import type { ApprovalInfo } from '@bduf/realtime'
import { rest } from '../identity.js'
import { newest } from '../inbox/inbox.js'
import { go, paths } from '../router.js'
import { Bar } from '../ui/bar.js'
import { Dialog } from '../ui/dialog.js'
import { Field, Form } from '../ui/form.js'
import { Icon } from '../ui/icons.js'
import { entitle } from '../ui/title.js'
import { Leftovers } from '../ui/leftovers.js'
import { Trouble } from '../ui/trouble.js'
import { ago } from '../ui/words.js'

interface Project { id: string, name: string, role: string, created_at: string }
interface Page<T> { count: number, results: T[] }

export function Home () {
  const [projects, setProjects] = useState<Project[] | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [starting, setStarting] = useState(false)
  useEffect(() => {
    entitle('Projects')
    rest.get<Page<Project>>('projects/').then(({ results }) => setProjects(results), setError)
  }, [])
  return <>
    <Bar><strong>Projects</strong></Bar>
    <main class="page">
      <Waiting />
      <Leftovers />
      <header>
        <h1>Projects</h1>
        <button class="button primary" onClick={() => setStarting(true)}><Icon name="plus" />New project</button>
      </header>
      {error !== null ? <Trouble error={error} />
        : projects === null ? <div class="loading" role="status" aria-label="Loading" />
          : <section class="card">
            {projects.length === 0
              ? <div class="empty"><strong>No projects yet</strong><p>A project holds the sessions in which people meet, and the documents they write.</p>
                <button class="button" onClick={() => setStarting(true)}>Start one</button></div>
              : <ul class="items">{projects.map(project => <li key={project.id}>
                <a class="item" href={paths.project(project.id)}><span class="name">{project.name}</span><span class="end"><span class="tag">{project.role}</span></span></a>
              </li>)}</ul>}
          </section>}
    </main>
    {starting && <Dialog title="New project" close={() => setStarting(false)}>
      <Form action="Start the project" send={async ({ name }) => { go(paths.project((await rest.post<Project>('projects/', { name })).id)) }}>
        <Field label="Name" name="name" maxlength={200} required autofocus placeholder="Payments platform" />
      </Form>
    </Dialog>}
  </>
}

/** The requests that wait for the user's decision. */
function Waiting () {
  const [requests, setRequests] = useState<ApprovalInfo[]>([])
  const news = newest.value
  useEffect(() => { rest.get<Page<ApprovalInfo>>('approvals/?mine=to_decide&limit=20').then(({ results }) => setRequests(results), () => {}) }, [news]) // the list below says what is wrong
  if (requests.length === 0) return null
  return <section class="card" aria-labelledby="waiting">
    <header><h2 id="waiting">Waiting for you</h2></header>
    <ul class="items">{requests.map(one => <li key={one.id}>
      <a class="item" href={paths.approval(one)}><span class="grow"><span class="name">{one.title}</span><span class="line quiet small">{one.requested_by.name} asked {ago(one.created_at)}</span></span>
        <span class="end">{one.stale && <span class="tag warn">changed</span>}<span class="tag">{one.stages[one.stage]!.approved_count} of {one.stages[one.stage]!.needed}</span></span></a>
    </li>)}</ul>
  </section>
}
