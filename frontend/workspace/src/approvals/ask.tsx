import { useEffect, useState } from 'preact/hooks'
import type { ApprovalInfo, DocumentInfo } from '@bduf/realtime'
import { me, rest } from '../identity.js'
import { client } from '../realtime.js'
import { Avatar } from '../ui/avatar.js'
import { Dialog } from '../ui/dialog.js'
import { Field, Form } from '../ui/form.js'
import { at } from '../ui/words.js'
import { useCandidates } from './people.js'

interface Stored { id: string, name: string, is_default: boolean, version: { words: string[] } }
interface Version { id: string, title: string, created_at: string }

const PEOPLE = 'people'
const DEFAULT = ''

/** Asks for approval of a document: of whom, of which version, and until when. */
export function Ask ({ document, close, done }: { document: DocumentInfo, close: () => void, done: (approval: ApprovalInfo) => void }) {
  const people = useCandidates(document)?.filter(({ user }) => user !== me.value?.id) ?? null
  const policies = useResults<Stored>(`policies/?project=${document.project}`)
  const versions = useResults<Version>(`documents/${document.id}/versions/?limit=20`)
  const [by, setBy] = useState(PEOPLE)
  const [ticked, setTicked] = useState<string[]>([])
  const [part, setPart] = useState('')
  const chosen = policies.find(({ id }) => id === by) ?? (by === DEFAULT ? policies.find(one => one.is_default) : undefined)
  const found = people?.filter(({ user, name }) => ticked.includes(user) || name.toLowerCase().includes(part.toLowerCase())) ?? []
  const tick = (user: string): void => setTicked(ticked.includes(user) ? ticked.filter(one => one !== user) : [...ticked, user])
  return <Dialog title="Ask for approval" close={close}>
    <Form action="Ask" send={async ({ title = '', description = '', quorum = '', due = '', version = '' }) => {
      const who = by === PEOPLE ? { approvers: ticked as [string, ...string[]], quorum: quorum === 'all' ? quorum : Number(quorum) } : by === DEFAULT ? {} : { policy: by }
      const { data } = await client.send('approval:request', {
        project: document.project,
        title,
        description,
        subject: { document: document.id, ...(version === '' ? {} : { version }) },
        ...who,
        ...(due === '' ? {} : { due_at: new Date(due).toISOString() })
      })
      done(data.approval)
    }}>
      <Field label="What is asked" name="title" maxlength={200} required autofocus defaultValue={`Approve “${document.title}”`.slice(0, 200)} />
      <label class="field"><span>Description</span><textarea class="input" name="description" rows={2} maxlength={20_000} placeholder="What to look at, and why it matters" /></label>
      <label class="field"><span>Who decides</span>
        <select class="input" value={by} onChange={event => setBy(event.currentTarget.value)}>
          <option value={PEOPLE}>People I choose</option>
          <option value={DEFAULT}>As the project has it</option>
          {policies.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
        </select>
      </label>
      {by === PEOPLE
        ? <>
          <fieldset class="choice">
            <legend class="visually-hidden">People</legend>
            {people !== null && people.length > 8 && <input class="input" type="search" aria-label="Find people" placeholder="Find people" value={part} onInput={event => setPart(event.currentTarget.value)} />}
            <ul>{found.slice(0, 50).map(one => <li key={one.user}>
              <label class="row"><input type="checkbox" checked={ticked.includes(one.user)} onChange={() => tick(one.user)} /><Avatar {...one} /><span class="grow">{one.name}</span><span class="quiet small">{one.role}</span></label>
            </li>)}</ul>
            {found.length === 0 && people !== null && <p class="quiet small">{part === '' ? 'Nobody else is in the project.' : 'Nobody is called that.'}</p>}
          </fieldset>
          <label class="field"><span>How many of them must approve</span>
            <select class="input" name="quorum" required>{ticked.map((_, number) => <option key={number} value={number + 1}>{number + 1} of {ticked.length}</option>)}{ticked.length === 0 && <option value="">Choose people first</option>}
              {ticked.length > 1 && <option value="all">all who do not abstain</option>}</select>
          </label>
        </>
        : <p class="quiet small">{chosen?.version.words.join(' ') ?? 'One approval of anybody who may write, but you.'}</p>}
      <div class="row">
        <label class="field grow"><span>Until</span><input class="input" type="datetime-local" name="due" /></label>
        <label class="field grow"><span>Of what</span><select class="input" name="version">
          <option value="">What is in it now</option>
          {versions.map(({ id, title, created_at: since }) => <option key={id} value={id}>{title || `Version of ${at(since)}`}</option>)}
        </select></label>
      </div>
    </Form>
  </Dialog>
}

function useResults<T> (path: string): T[] {
  const [results, setResults] = useState<T[]>([])
  useEffect(() => { rest.get<{ results: T[] }>(path).then(({ results }) => setResults(results), () => {}) }, [path]) // it goes without
  return results
}
