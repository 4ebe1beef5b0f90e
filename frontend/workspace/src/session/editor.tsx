/** The text, as everybody in it writes it. */

import { defaultKeymap, indentWithTab } from '@codemirror/commands'
import { markdownKeymap, markdownLanguage, pasteURLAsLink } from '@codemirror/lang-markdown'
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import { Compartment, EditorState, Prec } from '@codemirror/state'
import { EditorView, drawSelection, highlightActiveLine, keymap, placeholder } from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { useEffect, useRef } from 'preact/hooks'
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next'
import * as Y from 'yjs'
import type { DocumentProvider } from '@bduf/realtime'
import { authors as authorship } from './authors.js'

const LOOK = HighlightStyle.define([
  { tag: tags.heading1, fontSize: '1.45em', fontWeight: '700', lineHeight: '1.4' },
  { tag: tags.heading2, fontSize: '1.22em', fontWeight: '700', lineHeight: '1.5' },
  { tag: tags.heading, fontWeight: '700' },
  { tag: tags.strong, fontWeight: '700' },
  { tag: tags.emphasis, fontStyle: 'italic' },
  { tag: tags.strikethrough, textDecoration: 'line-through' },
  { tag: [tags.link, tags.url], color: 'var(--accent)' },
  { tag: tags.monospace, fontFamily: 'var(--mono)', fontSize: '0.92em' },
  { tag: [tags.processingInstruction, tags.contentSeparator], color: 'var(--quiet)' },
  { tag: tags.quote, color: 'var(--quiet)' }
])

const searching = new Compartment()

interface Props {
  provider: DocumentProvider
  writes: boolean
  /** Whether to show who wrote what. */
  authors: boolean
}

export function Editor ({ provider, writes, authors }: Props) {
  const place = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | null>(null)
  const writable = useRef(new Compartment())
  const coloured = useRef(new Compartment())
  useEffect(() => {
    const text = provider.doc.getText('content')
    const undo = new Y.UndoManager(text)
    const editor = view.current = new EditorView({
      parent: place.current!,
      state: EditorState.create({
        doc: text.toString(),
        extensions: [
          drawSelection(),
          highlightActiveLine(),
          EditorView.lineWrapping,
          Prec.high(keymap.of(markdownKeymap)),
          keymap.of([...yUndoManagerKeymap, ...defaultKeymap, indentWithTab]),
          // Without `markdown()`, which brings the languages of HTML, and twice the bytes.
          [markdownLanguage, pasteURLAsLink],
          searching.of([]),
          syntaxHighlighting(LOOK),
          placeholder('Write in Markdown. Everybody here sees it as you type.'),
          EditorView.contentAttributes.of({ 'aria-label': 'Text of the document', 'aria-description': 'Escape, then Tab, leaves the text.' }),
          writable.current.of(writability(writes)),
          coloured.current.of([]),
          yCollab(text, provider.awareness, { undoManager: undo })
        ]
      })
    })
    void import('./search.js').then(({ search }) => editor.dispatch({ effects: searching.reconfigure(search) }))
    return () => {
      undo.destroy()
      editor.destroy()
      view.current = null
    }
  }, [provider])
  useEffect(() => { view.current?.dispatch({ effects: writable.current.reconfigure(writability(writes)) }) }, [writes])
  useEffect(() => {
    view.current?.dispatch({ effects: coloured.current.reconfigure(authors ? authorship(provider.document) : []) })
  }, [authors, provider])
  return <div class={writes ? 'editor' : 'editor reading'} ref={place} />
}

function writability (writes: boolean) {
  return [EditorState.readOnly.of(!writes), EditorView.editable.of(writes)]
}
