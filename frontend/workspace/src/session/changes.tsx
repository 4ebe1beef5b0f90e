/** How two contents of a document differ, as the server tells it: by lines and words, or by keys. */

interface Piece { op: 'equal' | 'delete' | 'insert', text: string }

export interface Diff {
  hunks?: Array<{ before: number, after: number, pieces: Piece[] }>
  keys?: Array<{ key: string, before?: unknown, after?: unknown }>
}

const changedIn = ({ hunks = [] }: Diff) => hunks.filter(({ pieces }) => pieces.some(({ op }) => op !== 'equal'))
export const isEmpty = (diff: Diff): boolean => changedIn(diff).length === 0 && (diff.keys ?? []).length === 0

/** What differs between a version and what is there now. */
export function Changes ({ diff }: { diff: Diff }) {
  const changed = changedIn(diff)
  const { keys = [] } = diff
  if (isEmpty(diff)) return <p class="quiet">Nothing: this is what is in the document now.</p>
  return <>
    {changed.map(({ before, after, pieces }) => <div class="hunk" key={`${before}:${after}`}>
      <span class="line quiet" aria-hidden="true">{after}</span>
      <pre>{pieces.map(({ op, text }, number) => op === 'delete' ? <del key={number}>{text}</del> : op === 'insert' ? <ins key={number}>{text}</ins> : text)}</pre>
    </div>)}
    {keys.map(({ key, before, after }) => <div class="hunk" key={key}>
      <strong>{key}</strong>
      <pre>{before !== undefined && <del>{JSON.stringify(before)}</del>} {after !== undefined && <ins>{JSON.stringify(after)}</ins>}</pre>
    </div>)}
  </>
}
