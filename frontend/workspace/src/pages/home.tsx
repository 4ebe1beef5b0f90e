import { useEffect, useState } from 'preact/hooks'
import { rest } from '../identity.js'
import { go, paths } from '../router.js'
import { Bar } from '../ui/bar.js'
import { Dialog } from '../ui/dialog.js'
import { Field, Form } from '../ui/form.js'
import { Icon } from '../ui/icons.js'
import { Trouble } from '../ui/trouble.js'

interface Project { id: string, name: string, role: string, created_at: string }
interface Page<T> { count: number, results: T[] }

export function Home () {
  const [projects, setProjects] = useState<Project[] | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [starting, setStarting] = useState(false)
  useEffect(() => {
    document.title = 'Projects · BDUF'
    rest.get<Page<Project>>('projects/').then(({ results }) => setProjects(results), setError)
  }, [])
  return <>
    <Bar><strong>Projects</strong></Bar>
    <main class="page">
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
