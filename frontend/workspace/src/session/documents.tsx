import { useState } from 'preact/hooks'
import type { DocumentInfo } from '@bduf/realtime'
import { rest } from '../identity.js'
import { go, paths } from '../router.js'
import { Dialog } from '../ui/dialog.js'
import { Field, Form } from '../ui/form.js'
import { Icon } from '../ui/icons.js'

interface Props {
  documents: DocumentInfo[]
  chosen: string | null
  session: string
  writes: boolean
  shown: boolean
  hide: () => void
}

export function Documents ({ documents, chosen, session, writes, shown, hide }: Props) {
  const [starting, setStarting] = useState(false)
  return <nav class={shown ? 'documents shown' : 'documents'} aria-label="Documents">
    <header>
      <h2>Documents</h2>
      {writes && <button class="button bare" onClick={() => setStarting(true)} aria-label="New document" title="New document"><Icon name="plus" /></button>}
    </header>
    <ul>{documents.map(({ id, title }) => <li key={id}>
      <a href={paths.document(id, session)} aria-current={id === chosen ? 'page' : undefined} onClick={hide}><Icon name="document" /><span>{title}</span></a>
    </li>)}</ul>
    {documents.length === 0 && <p class="quiet small">Nothing written yet.</p>}
    {writes && documents.length === 0 && <button class="button compact" onClick={() => setStarting(true)}><Icon name="plus" />Start a document</button>}
    {starting && <Dialog title="New document" close={() => setStarting(false)}>
      <Form action="Start writing" send={async ({ title }) => {
        const { id } = await rest.post<DocumentInfo>('documents/', { session, title, strategy: 'merge' })
        setStarting(false)
        hide()
        go(paths.document(id, session))
      }}>
        <Field label="Title" name="title" maxlength={200} required autofocus placeholder="Context and goals" />
      </Form>
    </Dialog>}
  </nav>
}
