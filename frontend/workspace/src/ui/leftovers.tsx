/** Edits of pages that are gone, which the server has not confirmed: where they are, and what can be done with them. */

import { useEffect, useState } from 'preact/hooks'
import { KEPT, type KeptEdits } from '@bduf/realtime'
import { me } from '../identity.js'
import { store, unsaved } from '../realtime.js'
import { paths } from '../router.js'
import { save } from './file.js'
import { complain } from './notices.js'
import { ask } from './question.js'
import { ago, at } from './words.js'

/** All of the user's, with the way to each document; or those of one that cannot be opened. */
export function Leftovers ({ document }: { document?: string }) {
  const [list, setList] = useState<KeptEdits[]>([])
  const user = me.value?.id ?? ''
  const look = (): void => { store.left(user, document).then(setList, () => setList([])) } // a browser that keeps nothing has nothing
  useEffect(look, [user, document, unsaved.value])
  if (list.length === 0) return null
  const discard = ({ writer }: KeptEdits): void => { store.remove(writer).then(look, complain) }
  return <section class="card leftovers" aria-labelledby="leftovers">
    <header><h2 id="leftovers">Not saved yet</h2></header>
    <ul class="items">{list.map(one => {
      const said = <span class="grow">
        <span class="name">{one.count === 1 ? '1 edit' : `${one.count} edits`} in “{one.title}” {one.count === 1 ? 'is' : 'are'} not saved</span>
        <span class="line quiet small">Written {ago(one.since)}, kept in this browser until {at(one.at + KEPT.age)}</span>
      </span>
      return <li key={one.writer}>{document === undefined
        ? <a class="item" href={paths.document(one.document, one.session)}>{said}<span class="end"><span class="tag">open</span></span></a>
        : <div class="item">{said}<span class="end">
          <button class="button compact" onClick={() => { download(one).catch(complain) }}>Download</button>
          <button class="button compact" onClick={() => ask('What you wrote and the server does not have is given up.', 'Discard', () => discard(one))}>Discard</button>
        </span></div>}</li>
    })}</ul>
  </section>
}

async function download ({ update, title }: KeptEdits): Promise<void> {
  const { wordsOf } = await import('../session/words.js')
  save(new Blob([wordsOf(update)]), `${title} (not saved).md`)
}
