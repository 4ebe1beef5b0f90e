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
  /** Starts a new one, where that is allowed. */
  start: (() => void) | null
  shown: boolean
  hide: () => void
}

export function Documents ({ documents, chosen, session, start, shown, hide }: Props) {
  return <nav class={shown ? 'documents shown' : 'documents'} aria-label="Documents">
    <header>
      <h2>Documents</h2>
      {start !== null && <button class="button bare" onClick={() => { hide(); start() }} aria-label="New document" title="New document"><Icon name="plus" /></button>}
    </header>
    <ul>{documents.map(({ id, title }) => <li key={id}>
      <a href={paths.document(id, session)} aria-current={id === chosen ? 'page' : undefined} onClick={hide}><Icon name="document" /><span>{title}</span></a>
    </li>)}</ul>
    {documents.length === 0 && <p class="quiet small">Nothing written yet.</p>}
  </nav>
}

export function NewDocument ({ session, close }: { session: string, close: () => void }) {
  return <Dialog title="New document" close={close}>
    <Form action="Start writing" send={async ({ title }) => {
      const { id } = await rest.post<DocumentInfo>('documents/', { session, title, strategy: 'merge' })
      close()
      go(paths.document(id, session))
    }}>
      <Field label="Title" name="title" maxlength={200} required autofocus placeholder="Context and goals" />
    </Form>
  </Dialog>
}
