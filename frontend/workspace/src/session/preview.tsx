/** The text as it will be read: Markdown to HTML that was cleaned, and diagrams. */

import DOMPurify from 'dompurify'
import MarkdownIt from 'markdown-it'
import { useEffect, useRef } from 'preact/hooks'
import { theme } from '../ui/theme.js'

const markdown = new MarkdownIt({ html: false, linkify: true, typographer: false })
const DIAGRAM = 'pre > code.language-mermaid'
// Mermaid has labels parsed as HTML before it cleans them. Line breaks are all of it that a label needs.
const TAG = /<(?!br\s*\/?>)(?=[a-z!/])/gi
let number = 0

DOMPurify.addHook('afterSanitizeAttributes', node => {
  if (node instanceof HTMLAnchorElement) {
    node.target = '_blank'
    node.rel = 'noopener noreferrer'
  }
})

export function htmlOf (text: string): string {
  return DOMPurify.sanitize(markdown.render(text), { FORBID_TAGS: ['style', 'form', 'input', 'button'], FORBID_ATTR: ['style'] })
}

export function Preview ({ text }: { text: string }) {
  const place = useRef<HTMLElement>(null)
  const dark = theme.value === 'dark'
  useEffect(() => {
    const article = place.current!
    article.innerHTML = htmlOf(text)
    let current = true
    void draw(article, dark, () => current)
    return () => { current = false }
  }, [text, dark])
  return <article class="preview prose" ref={place} aria-label="Preview" tabIndex={0} />
}

/** Puts pictures in place of diagrams' source. As images they run nothing, whatever is in them. */
async function draw (article: HTMLElement, dark: boolean, current: () => boolean): Promise<void> {
  const sources = [...article.querySelectorAll<HTMLElement>(DIAGRAM)]
  if (sources.length === 0) return
  const { default: mermaid } = await import('mermaid')
  mermaid.initialize({ startOnLoad: false, securityLevel: 'strict', theme: dark ? 'dark' : 'neutral', htmlLabels: false, flowchart: { htmlLabels: false } })
  for (const source of sources) {
    try {
      const { svg } = await mermaid.render(`diagram-${++number}`, (source.textContent ?? '').replace(TAG, '#lt;'))
      if (!current()) return
      const image = new Image()
      image.alt = 'Diagram'
      image.className = 'diagram'
      image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`
      source.parentElement!.replaceWith(image)
    } catch (error) {
      if (!current()) return
      const said = document.createElement('p')
      said.className = 'wrong'
      said.textContent = `This diagram cannot be drawn: ${error instanceof Error ? error.message.split('\n')[0] : 'it is not Mermaid.'}`
      source.parentElement!.before(said)
    }
  }
}
