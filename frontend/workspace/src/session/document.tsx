import { lazy, Suspense } from 'preact/compat'
import { useEffect, useRef, useState } from 'preact/hooks'
import * as Y from 'yjs'
import { DocumentProvider, wordsOf, type ApprovalInfo, type CommandError, type DocumentInfo } from '@bduf/realtime'
import { Chip } from '../approvals/chip.js'
import { rest } from '../identity.js'
import { client } from '../realtime.js'
import { go, paths } from '../router.js'
import { Dialog } from '../ui/dialog.js'
import { Field, Form } from '../ui/form.js'
import { Icon, type IconName } from '../ui/icons.js'
import { Menu } from '../ui/menu.js'
import { save } from '../ui/file.js'
import { complain } from '../ui/notices.js'
import { ask } from '../ui/question.js'
import { Editor } from './editor.js'
import { History } from './history.js'
import { Values } from './values.js'

const Preview = lazy(() => import('./preview.js').then(({ Preview }) => Preview))

type Mode = 'write' | 'both' | 'preview'

const MODES: Array<[Mode, string, IconName]> = [['write', 'Write', 'pencil'], ['both', 'Side by side', 'document'], ['preview', 'Preview', 'eye']]
const READ_ONLY: Record<string, string> = {
  'perm.denied': 'You may read here, not write.',
  'session.paused': 'The session is paused: what you wrote is kept here, and sent when it goes on.',
  'doc.read_only': 'The session has ended: its documents can only be read.',
  'doc.too_large': 'The document is full: delete something, and what you wrote is saved.',
  'room.not_found': 'This document is gone, or you may not see it any more.'
}
const STUCK = 'The server cannot take what you wrote last. Nobody else sees it.'
const LOST = 'The server was put back to an older state, and lacks what others wrote here until they are back.'

interface Props {
  info: DocumentInfo
  session: string | null
  version: string | null
  status: string
  /** Of a session's document, what the caller may do in the session. */
  permissions: string[] | null
  list: (() => void) | null
  /** The requests for its approval. */
  requests: ApprovalInfo[]
}

/** A document: its title, its text or values, and what was in it before. */
export function DocumentView ({ info, session, version, status, permissions, list, requests }: Props) {
  const merges = info.strategy === 'merge'
  const [provider, startOver] = useProvider(merges ? info.id : null, session, info.title)
  const [mode, setMode] = useState<Mode>(innerWidth > 900 ? 'both' : 'write')
  const [authors, setAuthors] = useState(false)
  const [renaming, setRenaming] = useState(false)
  const { synced, refusal, room } = useCondition(provider)
  const filled = useRef(false) // once: later it is written in without a connection, too
  filled.current ||= provider !== null && synced
  const writes = (permissions ?? room).includes('write') && status === 'active'
  // What was refused may be taken now.
  useEffect(() => { if (writes) provider?.retry() }, [writes, provider])
  const past = (open: boolean): void => go(open ? `${paths.document(info.id, session)}/versions/latest` : paths.document(info.id, session))
  const remove = (): void => {
    rest.delete(`documents/${info.id}/`).then(() => go(session === null ? paths.project(info.project) : paths.session(session)), complain)
  }
  const lost = refusal?.details['reason'] === 'client_id'
  const stuck = provider?.stuck === true
  const said = stuck ? STUCK : lost ? LOST : refusal !== null ? READ_ONLY[refusal.code] ?? refusal.message : !writes && synced ? READ_ONLY[status === 'paused' ? 'session.paused' : status === 'ended' ? 'doc.read_only' : 'perm.denied']! : null
  return <div class="document">
    <header class="toolbar">
      {list !== null && <button class="button bare narrow" onClick={list} aria-label="Documents"><Icon name="list" /></button>}
      <h1>{info.title}</h1>
      <Chip info={info} requests={requests} provider={provider} />
      <div class="end">
        {merges && version === null && <div class="modes" role="group" aria-label="View">
          {MODES.map(([name, label, icon]) => <button key={name} class={`button bare compact ${name === 'both' ? 'wide' : ''}`} aria-pressed={mode === name} onClick={() => setMode(name)} title={label} aria-label={label}><Icon name={icon} /></button>)}
        </div>}
        {merges && version === null && <button class="button bare compact" aria-pressed={authors} onClick={() => setAuthors(!authors)} title="Who wrote what" aria-label="Who wrote what"><Icon name="brush" /></button>}
        <button class="button bare compact" aria-pressed={version !== null} onClick={() => past(version === null)} title="Versions" aria-label="Versions"><Icon name="history" /></button>
        <Menu label="Document menu" summary={<Icon name="more" />} compact>
          {writes && <button class="button bare" onClick={() => setRenaming(true)}><Icon name="pencil" />Rename</button>}
          <button class="button bare" onClick={() => { download(info, 'markdown').catch(complain) }}><Icon name="download" />Markdown</button>
          <button class="button bare" onClick={() => { download(info, 'json').catch(complain) }}><Icon name="download" />JSON</button>
          {writes && <button class="button bare danger" onClick={() => ask(`“${info.title}” is deleted for everybody.`, 'Delete', remove)}><Icon name="close" />Delete</button>}
        </Menu>
      </div>
    </header>
    {said !== null && <p class={refusal === null ? 'banner' : 'banner warn'} role="status">
      {said}
      {refusal !== null && !refusal.retryable && provider !== null && (lost || provider.unsaved.count > 0) && <>
        <button class="button compact" onClick={() => save(mine(provider), `${info.title} (mine).md`)}>Download mine</button>
        <button class="button compact" onClick={() => ask('What you wrote and the server does not take is given up.', 'Discard mine', startOver)}>Discard mine</button>
      </>}
    </p>}
    {version !== null
      ? <History info={info} session={session} chosen={version} writes={writes} requests={requests} />
      : !merges
        ? <Values info={info} writes={writes} />
        : <div class={`sheets as-${mode}`} aria-busy={!filled.current}>
          {provider !== null && mode !== 'preview' && <Editor provider={provider} writes={writes && !stuck} authors={authors} />}
          <Suspense fallback={<div class="loading" role="status" aria-label="Loading" />}>
            {provider !== null && mode !== 'write' && <Preview provider={provider} />}
          </Suspense>
        </div>}
    {renaming && <Dialog title="Rename" close={() => setRenaming(false)}>
      <Form action="Rename" send={async ({ title }) => { await rest.patch(`documents/${info.id}/`, { title }); setRenaming(false) }}>
        <Field label="Title" name="title" maxlength={200} required autofocus defaultValue={info.title} />
      </Form>
    </Dialog>}
  </div>
}

/** Keeps a document of this page the same as the server's while it is shown; `startOver` takes the server's for mine. */
function useProvider (document: string | null, session: string | null, title: string): [DocumentProvider | null, startOver: () => void] {
  const [provider, setProvider] = useState<DocumentProvider | null>(null)
  const [start, setStart] = useState(0)
  useEffect(() => {
    if (document === null) return
    const made = new DocumentProvider(client, document, new Y.Doc(), { title, ...(session === null ? {} : { session }) })
    setProvider(made)
    return () => {
      made.destroy()
      made.doc.destroy()
      setProvider(null)
    }
  }, [document, session, start])
  const startOver = (): void => {
    provider?.discard()
    setStart(start + 1)
  }
  return [provider, startOver]
}

interface Condition { synced: boolean, refusal: CommandError | null, room: string[] }

function useCondition (provider: DocumentProvider | null): Condition {
  const [, look] = useState(0)
  useEffect(() => {
    if (provider === null) return
    const changed = (): void => look(number => number + 1)
    provider.on('synced', changed)
    provider.on('refused', changed)
    provider.room.on('joined', changed)
    return () => {
      provider.off('synced', changed)
      provider.off('refused', changed)
      provider.room.off('joined', changed)
    }
  }, [provider])
  return {
    synced: provider?.synced ?? true,
    refusal: provider?.refusal ?? null,
    room: provider === null ? ['write'] : provider.room.joined?.permissions ?? provider.permissions
  }
}

async function download ({ id, title }: DocumentInfo, as: 'markdown' | 'json'): Promise<void> {
  save(await rest.blob(`documents/${id}/export/?as=${as}`), `${title}.${as === 'markdown' ? 'md' : 'json'}`)
}

/** The text as it is here, and what is not in it because what it stands on is missing. */
function mine ({ doc, unconfirmed }: DocumentProvider): Blob {
  const text = doc.getText('content').toString()
  return new Blob(text === '' || doc.store.pendingStructs !== null ? [text, '\n\n', wordsOf(unconfirmed!)] : [text])
}
