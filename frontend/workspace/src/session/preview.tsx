/** The text as it will be read: Markdown to HTML that was cleaned, and diagrams. */

import DOMPurify from 'dompurify'
import MarkdownIt from 'markdown-it'
import { useEffect, useRef } from 'preact/hooks'
import type { DocumentProvider } from '@bduf/realtime'
import { theme } from '../ui/theme.js'

const markdown = new MarkdownIt({ html: false, linkify: true, typographer: false })
// Mermaid has labels parsed as HTML before it cleans them. Line breaks are all of it that a label needs.
const TAG = /<(?!br\s*\/?>)(?=[a-z!/])/gi
const PAUSE = 120 // milliseconds without a change after which it is shown
const LONGEST = 600 // milliseconds that it waits for such a pause
let number = 0

DOMPurify.addHook('afterSanitizeAttributes', node => {
  if (node instanceof HTMLAnchorElement) {
    node.target = '_blank'
    node.rel = 'noopener noreferrer'
  }
})

export function Preview ({ provider }: { provider: DocumentProvider }) {
  const place = useRef<HTMLElement>(null)
  const dark = theme.value === 'dark'
  useEffect(() => {
    const text = provider.doc.getText('content')
    const article = place.current!
    article.replaceChildren()
    let blocks: string[] = []
    let clock: ReturnType<typeof setTimeout> | undefined
    let waiting: number | null = null
    const show = (): void => {
      waiting = null
      const now = blocksOf(text.toString())
      replace(article, blocks, now, dark)
      blocks = now
    }
    const changed = (): void => {
      waiting ??= performance.now()
      clearTimeout(clock)
      clock = setTimeout(show, Math.min(PAUSE, waiting + LONGEST - performance.now()))
    }
    show()
    text.observe(changed)
    return () => {
      clearTimeout(clock)
      text.unobserve(changed)
    }
  }, [provider, dark])
  return <article class="preview prose" ref={place} aria-label="Preview" tabIndex={0} />
}

/** A text as pieces of HTML, not cleaned yet: one for each of its headings, paragraphs, lists, … */
function blocksOf (text: string): string[] {
  const environment = {}
  const tokens = markdown.parse(text, environment)
  const blocks: string[] = []
  let depth = 0
  let begun = 0
  tokens.forEach(({ nesting }, index) => {
    depth += nesting
    if (depth === 0) {
      blocks.push(markdown.renderer.render(tokens.slice(begun, index + 1), markdown.options, environment))
      begun = index + 1
    }
  })
  return blocks
}

/** Makes anew only the blocks that changed: cleaning and laying out a long text would hold up who types. */
function replace (article: HTMLElement, before: string[], now: string[], dark: boolean): void {
  const shorter = Math.min(before.length, now.length)
  let first = 0
  while (first < shorter && before[first] === now[first]) first++
  let last = 0
  while (last < shorter - first && before.at(-1 - last) === now.at(-1 - last)) last++
  const made = now.slice(first, now.length - last).map(html => {
    const block = document.createElement('div')
    block.innerHTML = DOMPurify.sanitize(html, { FORBID_TAGS: ['style', 'form', 'input', 'button'], FORBID_ATTR: ['style'] })
    return block
  })
  const old = [...article.children].slice(first, before.length - last)
  const after = article.children[before.length - last] ?? null
  for (const block of old) block.remove()
  for (const block of made) article.insertBefore(block, after)
  for (const source of made.flatMap(block => [...block.querySelectorAll('code.language-mermaid')])) void draw(source, dark)
}

/** Puts a picture in place of a diagram's source. As an image it runs nothing, whatever is in it. */
async function draw (source: Element, dark: boolean): Promise<void> {
  const { default: mermaid } = await import('mermaid')
  mermaid.initialize({ startOnLoad: false, securityLevel: 'strict', theme: dark ? 'dark' : 'neutral', htmlLabels: false, flowchart: { htmlLabels: false } })
  try {
    const { svg } = await mermaid.render(`diagram-${++number}`, (source.textContent ?? '').replace(TAG, '#lt;'))
    const image = new Image()
    image.alt = 'Diagram'
    image.className = 'diagram'
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`
    source.parentElement!.replaceWith(image)
  } catch (error) {
    const said = document.createElement('p')
    said.className = 'wrong'
    said.textContent = `This diagram cannot be drawn: ${error instanceof Error ? error.message.split('\n')[0] : 'it is not Mermaid.'}`
    source.parentElement!.before(said)
  }
}
