/** Who wrote what, as colours under the text: asked for when the text has changed, and moved along with it meanwhile. */

import { StateEffect, StateField, type Extension } from '@codemirror/state'
import { Decoration, EditorView, ViewPlugin, type DecorationSet, type ViewUpdate } from '@codemirror/view'
import { colorOf } from '@bduf/realtime'
import { rest } from '../identity.js'

interface Range { start: number, end: number, user: string | null, name: string, acts_for: { name: string } | null }

const show = StateEffect.define<Range[]>()
const PAUSE = 1_500 // milliseconds between two questions

const colours = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update (shown, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(show)) return marks(effect.value, transaction.newDoc.length)
    }
    return shown.map(transaction.changes)
  },
  provide: field => EditorView.decorations.from(field)
})

function marks (ranges: Range[], length: number): DecorationSet {
  return Decoration.set(ranges.flatMap(({ start, end, user, name, acts_for: patron }) => {
    const to = Math.min(end, length)
    if (start >= to) return []
    const color = user === null ? 'transparent' : colorOf(user)
    const title = patron === null ? name : `${name}, for ${patron.name}`
    return Decoration.mark({ class: 'author', attributes: { style: `--author: ${color}`, title } }).range(start, to)
  }))
}

export function authors (document: string): Extension {
  const asking = ViewPlugin.fromClass(class {
    private clock: ReturnType<typeof setTimeout> | undefined

    constructor (private readonly view: EditorView) { this.ask(0) }

    update (update: ViewUpdate): void { if (update.docChanged) this.ask(PAUSE) }

    destroy (): void { clearTimeout(this.clock) }

    private ask (pause: number): void {
      clearTimeout(this.clock)
      this.clock = setTimeout(() => {
        rest.get<{ ranges: Range[] }>(`documents/${document}/attribution/`)
          .then(({ ranges }) => this.view.dispatch({ effects: show.of(ranges) }), () => {}) // asked again with the next change
      }, pause)
    }
  })
  return [colours, asking]
}
