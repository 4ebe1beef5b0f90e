import { lazy, Suspense } from 'preact/compat'
import { useEffect, useState } from 'preact/hooks'
import type { DocumentInfo, RoomEvent } from '@bduf/realtime'
import { useRequests } from '../approvals/requests.js'
import { isGuest, me, rest } from '../identity.js'
import { go, paths, place } from '../router.js'
import { Activity } from '../session/activity.js'
import { Chat } from '../session/chat.js'
import { Documents, NewDocument } from '../session/documents.js'
import { useLog } from '../session/log.js'
import { People } from '../session/people.js'
import { SessionMenu } from '../session/menu.js'
import { Share } from '../session/share.js'
import { foldSession, useRoom, type SessionState } from '../state.js'
import { Avatars } from '../ui/avatar.js'
import { Bar } from '../ui/bar.js'
import { Icon, type IconName } from '../ui/icons.js'
import { Leftovers } from '../ui/leftovers.js'
import { entitle } from '../ui/title.js'
import { Trouble } from '../ui/trouble.js'

// What only documents need is two thirds of the program. It comes along with the first answers of the server.
const fetched = (): Promise<typeof import('../session/document.js')> => import('../session/document.js')
const DocumentView = lazy(() => fetched().then(({ DocumentView }) => DocumentView))
const Approvals = lazy(() => import('../approvals/panel.js').then(({ Approvals }) => Approvals))
if (place.value.view === 'session' || place.value.view === 'document') void fetched()

type Panel = 'people' | 'chat' | 'activity' | 'approvals'

const PANELS: Array<[Panel, string, IconName]> = [['people', 'People', 'people'], ['chat', 'Chat', 'chat'], ['activity', 'Activity', 'activity'], ['approvals', 'Approvals', 'approval']]

interface Props { session: string | null, document: string | null, version: string | null, approval: string | null }

export function SessionPage ({ session, document: wanted, version, approval }: Props) {
  const log = useLog(session)
  const live = useRoom<SessionState>(session === null ? null : `session:${session}`, foldSession, (event: RoomEvent) => log.heard(event))
  // Who waits in the lobby hears of it in the own room.
  useRoom<object>(me.value == null ? null : `user:${me.value.id}`, own => own, ({ type, data }: RoomEvent) => {
    if (type.startsWith('collaboration:participant:') && (data as { session?: string }).session === session) live.room?.refresh()
  })
  const [panel, setPanel] = useState<Panel | null>(innerWidth > 1100 && session !== null ? 'people' : null)
  useEffect(() => { if (approval !== null) setPanel('approvals') }, [approval])
  const [listed, setListed] = useState(false)
  const [open, setOpen] = useState<'share' | 'document' | null>(null)
  const [alone, setAlone] = useState<DocumentInfo | null>(null)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    if (session === null && wanted !== null) rest.get<DocumentInfo>(`documents/${wanted}/`).then(setAlone, setError)
  }, [session, wanted])

  const { state } = live
  // A role that is changed is said by an event, not by another join.
  const own = state?.participants.find(({ user }) => user === me.value?.id)
  // A document of its own is in no session, but in its project.
  const whole = useRoom<object>(alone === null ? null : `project:${alone.project}`, same => same)
  const { permissions, role } = own ?? (session === null ? whole : live)
  const documents = state?.documents ?? (alone === null ? [] : [alone])
  const chosen = documents.find(({ id }) => id === wanted) ?? (wanted === null ? documents[0] : undefined)
  const room = session === null ? whole.room : live.room
  const requests = useRequests(chosen?.id ?? null, room)
  const title = state?.session.name ?? ''
  useEffect(() => { entitle(chosen?.title, title) }, [chosen?.title, title])

  if (live.error?.code === 'session.join_pending') return <><Bar /><Lobby /></>
  if (live.error !== null || error !== null) return <><Bar /><main class="page"><Trouble error={live.error ?? error} />{wanted !== null && <Leftovers document={wanted} />}</main></>
  if ((session !== null && state === null) || (session === null && alone === null)) {
    return <><Bar /><div class="loading" role="status" aria-label="Loading" /></>
  }
  const close = (): void => setOpen(null)
  const ended = state?.session.status === 'ended'
  const writes = permissions.includes('write') && state?.session.status === 'active'
  const project = state?.session.project ?? alone!.project
  const counts: Partial<Record<Panel, number>> = {
    people: state?.waiting.length ?? 0,
    chat: panel === 'chat' ? 0 : log.unread,
    approvals: requests.list.filter(requests.waits).length
  }
  const panels = session === null ? PANELS.filter(([name]) => name === 'approvals') : PANELS
  const shown = panels.find(([name]) => name === panel)
  const show = (name: Panel | null): void => {
    setPanel(name)
    if (name === 'chat') log.read()
    if (approval !== null && name !== 'approvals') go(paths.document(wanted!, session))
  }
  return <>
    <Bar end={<>
      {state !== null && <Avatars people={state.participants} />}
      {session !== null && !ended && permissions.includes('manage_participants') && <button class="button compact" onClick={() => setOpen('share')} aria-label="Share"><Icon name="share" /><span class="wide">Share</span></button>}
    </>}>
      <ProjectLink project={project} />
      <strong>{state === null ? alone!.title : title || 'Session'}</strong>
      {state !== null && state.session.status !== 'active' && <span class="tag warn">{state.session.status}<span class="wide">: read-only</span></span>}
      {state !== null && <SessionMenu session={state.session} permissions={permissions} />}
    </Bar>
    <div class={`workspace${session === null ? ' alone' : ''}${shown === undefined ? '' : ' with-panel'}${listed ? ' listed' : ''}`}>
      {session !== null && <Documents documents={documents} chosen={chosen?.id ?? null} session={session} start={writes ? () => setOpen('document') : null}
        shown={listed} hide={() => setListed(false)} />}
      <main class="stage">
        {chosen !== undefined
          ? <Suspense fallback={<div class="loading" role="status" aria-label="Loading" />}><DocumentView info={chosen} session={session} version={version} key={chosen.id} permissions={session === null ? null : permissions} status={state?.session.status ?? 'active'} list={session === null ? null : () => setListed(!listed)} requests={requests.list} /></Suspense>
          : <div class="empty">
            <strong>{wanted === null ? 'No documents yet' : 'This document is gone'}</strong>
            <p>{wanted !== null ? 'Somebody has deleted it, or the address is incomplete.'
              : writes ? 'Start one, and everybody here writes in it with you.' : 'When somebody starts one, it is shown here.'}</p>
            {wanted === null && writes && <button class="button primary" onClick={() => setOpen('document')}><Icon name="plus" />Start a document</button>}
            {wanted !== null && <button class="button" onClick={() => go(session === null ? paths.project(project) : paths.session(session))}>Other documents</button>}
            {wanted !== null && <Leftovers document={wanted} />}
          </div>}
      </main>
      <nav class="rail" aria-label="Panels">
        {panels.map(([name, label, icon]) => {
          const count = counts[name] ?? 0
          return <button key={name} class="button bare" aria-pressed={panel === name} aria-label={count > 0 ? `${label}: ${count}` : label} title={label}
            onClick={() => show(panel === name ? null : name)}>
            <Icon name={icon} />{count > 0 && <span class="count">{count}</span>}
          </button>
        })}
      </nav>
      {shown !== undefined && <aside class={`panel of-${panel}`} aria-label={shown[1]}>
        <header><h2>{shown[1]}</h2><button class="button bare" aria-label="Close the panel" onClick={() => show(null)}><Icon name="close" /></button></header>
        {panel === 'people' && state !== null && <People state={state} permissions={ended ? [] : permissions} mine={me.value?.id ?? ''} />}
        {panel === 'chat' && session !== null && <Chat session={session} log={log} writes={writes} />}
        {panel === 'activity' && <Activity events={log.events} documents={documents} people={state?.participants ?? []} />}
        {panel === 'approvals' && <Suspense fallback={<div class="loading" role="status" aria-label="Loading" />}>
          <Approvals document={chosen ?? null} requests={requests} room={room} open={approval} permissions={ended ? [] : permissions} role={role} />
        </Suspense>}
      </aside>}
    </div>
    {open === 'share' && session !== null && <Share session={session} project={project} close={close} />}
    {open === 'document' && session !== null && <NewDocument session={session} close={close} />}
  </>
}

/** The way to the project, for those who may see it: guests may not. */
function ProjectLink ({ project }: { project: string }) {
  const [name, setName] = useState<string | null>(null)
  useEffect(() => {
    if (!isGuest()) rest.get<{ name: string }>(`projects/${project}/`).then(({ name }) => setName(name), () => setName(null))
  }, [project])
  return name === null ? null : <><a href={paths.project(project)} class="wide">{name}</a><span aria-hidden="true" class="wide">/</span></>
}

/** In front of a session whose people are let in one by one. */
function Lobby () {
  return <main class="page"><div class="empty">
    <div class="loading" role="status" aria-label="Waiting" />
    <strong>You are in the lobby</strong>
    <p>Somebody in the session has to let you in. This page opens by itself when they do.</p>
  </div></main>
}
