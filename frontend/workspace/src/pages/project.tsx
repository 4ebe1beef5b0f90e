import { useEffect, useState } from 'preact/hooks'
import type { SessionInfo } from '@bduf/realtime'
import { rest } from '../identity.js'
import { Mute } from '../inbox/mute.js'
import { go, paths } from '../router.js'
import { foldProject, useRoom, type Member, type ProjectState } from '../state.js'
import { Avatar } from '../ui/avatar.js'
import { Bar } from '../ui/bar.js'
import { Dialog } from '../ui/dialog.js'
import { Field, Form } from '../ui/form.js'
import { Icon } from '../ui/icons.js'
import { complain } from '../ui/notices.js'
import { Menu } from '../ui/menu.js'
import { entitle } from '../ui/title.js'
import { Trouble } from '../ui/trouble.js'
import { ago } from '../ui/words.js'

const ROLES = ['owner', 'moderator', 'participant', 'observer']

export function ProjectPage ({ project }: { project: string }) {
  const { state, permissions, error } = useRoom<ProjectState>(`project:${project}`, foldProject)
  const [dialog, setDialog] = useState<'session' | 'document' | 'member' | null>(null)
  useEffect(() => { entitle(state?.name ?? 'Project') }, [state?.name])
  const close = (): void => setDialog(null)
  const writes = permissions.includes('write')
  if (error !== null) return <><Bar /><main class="page"><Trouble error={error} /></main></>
  if (state === null) return <><Bar /><div class="loading" role="status" aria-label="Loading" /></>
  return <>
    <Bar><a href={paths.home} class="wide">Projects</a><span aria-hidden="true" class="wide">/</span><strong>{state.name}</strong>
      <Menu label="Project menu" summary={<Icon name="more" />}><Mute scope={`project:${project}`} /></Menu></Bar>
    <main class="page">
      <header>
        <h1>{state.name}</h1>
        {writes && <div class="row">
          <button class="button" onClick={() => setDialog('document')}><Icon name="document" />New document</button>
          <button class="button primary" onClick={() => setDialog('session')}><Icon name="plus" />New session</button>
        </div>}
      </header>
      <div class="columns">
        <div class="form">
          <section class="card" aria-labelledby="sessions">
            <header><h2 id="sessions">Sessions</h2></header>
            {state.sessions.length === 0
              ? <div class="empty"><strong>Nobody is meeting yet</strong><p>In a session people see each other while they write.</p>
                {writes && <button class="button" onClick={() => setDialog('session')}>Open one</button>}</div>
              : <ul class="items">{state.sessions.map(session => <li key={session.id}><SessionRow session={session} /></li>)}</ul>}
          </section>
          <section class="card" aria-labelledby="documents">
            <header><h2 id="documents">Documents of the project</h2></header>
            {state.documents.length === 0
              ? <div class="empty"><p>Documents that belong to no session, for all members.</p></div>
              : <ul class="items">{state.documents.map(({ id, title, strategy }) => <li key={id}>
                <a class="item" href={paths.document(id)}><Icon name="document" /><span class="name">{title}</span>
                  {strategy !== 'merge' && <span class="end"><span class="tag">values</span></span>}</a>
              </li>)}</ul>}
          </section>
        </div>
        <section class="card" aria-labelledby="members">
          <header><h2 id="members">Members</h2>
            {permissions.includes('manage_participants') && <button class="button bare compact" onClick={() => setDialog('member')}><Icon name="plus" />Add</button>}
          </header>
          <ul class="items">{state.members.map(member => <li key={member.user}><MemberRow member={member} project={project} manages={permissions.includes('manage_participants')} /></li>)}</ul>
        </section>
      </div>
    </main>
    {dialog === 'session' && <Dialog title="New session" close={close}>
      <Form action="Open the session" send={async ({ name, lobby }) => {
        const settings = { conflict_resolution: 'merge', require_approval: lobby === 'on' }
        go(paths.session((await rest.post<SessionInfo>('sessions/', { project, name, settings })).id))
      }}>
        <Field label="Name" name="name" maxlength={200} required autofocus placeholder="Architecture kick-off" />
        <label class="row"><input type="checkbox" name="lobby" />Let people in one by one</label>
      </Form>
    </Dialog>}
    {dialog === 'document' && <Dialog title="New document" close={close}>
      <Form action="Start writing" send={async ({ title }) => {
        go(paths.document((await rest.post<{ id: string }>('documents/', { project, title, strategy: 'merge' })).id))
      }}>
        <Field label="Title" name="title" maxlength={200} required autofocus placeholder="Context and goals" />
      </Form>
    </Dialog>}
    {dialog === 'member' && <Dialog title="Add a member" close={close}>
      <Form action="Add" send={async ({ user, role }) => { await rest.post(`projects/${project}/members/`, { user, role }); close() }}>
        <Field label="User name" name="user" required autofocus />
        <label class="field"><span>Role</span><select class="input" name="role">{ROLES.map(role => <option key={role} selected={role === 'participant'}>{role}</option>)}</select></label>
      </Form>
    </Dialog>}
  </>
}

function SessionRow ({ session: { id, name, status, created_at: since, settings } }: { session: SessionInfo }) {
  return <a class="item" href={paths.session(id)}>
    <span class="grow"><span class="name">{name || 'Session'}</span><br /><span class="quiet small">opened {ago(since)}</span></span>
    <span class="end">
      {settings.require_approval === true && <span class="tag">lobby</span>}
      <span class={status === 'active' ? 'tag good' : 'tag warn'}>{status}</span>
    </span>
  </a>
}

function MemberRow ({ member: { user, name, kind, role }, project, manages }: { member: Member, project: string, manages: boolean }) {
  const change = (role: string): void => { rest.post(`projects/${project}/members/`, { user, role }).catch(complain) }
  return <div class="item">
    <Avatar user={user} name={name} kind={kind} />
    <span class="name grow">{name}</span>
    {manages
      ? <select class="input role" aria-label={`Role of ${name}`} value={role} onChange={event => change(event.currentTarget.value)}>{ROLES.map(one => <option key={one}>{one}</option>)}</select>
      : <span class="tag">{role}</span>}
  </div>
}
