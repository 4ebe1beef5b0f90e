// Real Yjs clients, driven by lines of JSON: `{call, editor, do, …}` in, `{call, result}` or `{call, error}` out.
// Each editor is the y-websocket provider as published, with a document and an awareness of its own.

import { createInterface } from 'node:readline'
import { messageAuth, WebsocketProvider } from 'y-websocket'
import { readAuthMessage } from 'y-protocols/auth'
import { WebSocket } from 'ws'
import * as Y from 'yjs'

const ROOT = 'content'
const editors = new Map()

class Editor {
  constructor ({ url, document, token, client, backoff = 500 }) {
    this.doc = new Y.Doc()
    if (client) this.doc.clientID = client
    this.text = this.doc.getText(ROOT)
    this.denied = [] // reasons
    this.closes = [] // [code, reason], and null for each that this side made
    this.provider = new WebsocketProvider(url, document, this.doc, {
      protocols: ['bduf.v1', `bearer.${token}`],
      WebSocketPolyfill: WebSocket,
      maxBackoffTime: backoff,
      disableBc: true // editors of this process would hear of each other without the server
    })
    // The provider only prints the reason; this is its place for handlers of one's own.
    this.provider.messageHandlers[messageAuth] = (encoder, decoder) =>
      readAuthMessage(decoder, this.doc, (_, reason) => this.denied.push(reason))
    this.provider.on('connection-close', event => this.closes.push(event && [event.code, event.reason]))
    this.provider.on('connection-error', () => {})
  }

  // --- the text ---

  type ({ words, at = this.text.length }) {
    this.text.insert(at, words)
  }

  erase ({ at, length }) {
    this.text.delete(at, length)
  }

  // Inserts behind the first `]` past a place between 0, the start, and 1, the end: so no `[words]` are torn apart.
  put ({ words, share }) {
    this.type({ words, at: this.text.toString().indexOf(']', share * this.text.length) + 1 })
  }

  strike ({ words }) {
    const at = this.text.toString().indexOf(words)
    if (at >= 0) this.erase({ at, length: words.length })
    return at >= 0
  }

  format ({ at, length, attributes }) {
    this.text.format(at, length, attributes)
  }

  // Writes what a document of this server cannot hold.
  nest () {
    this.doc.getMap('other').set('inner', new Y.Map())
  }

  // --- the others ---

  cursor ({ anchor, head = anchor }) {
    const relative = index => Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(this.text, index))
    this.provider.awareness.setLocalStateField('cursor', { anchor: relative(anchor), head: relative(head) })
  }

  state ({ state }) {
    this.provider.awareness.setLocalState(state)
  }

  index (position) {
    return Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(position), this.doc)?.index ?? null
  }

  others () {
    const states = new Map(this.provider.awareness.getStates())
    states.delete(this.doc.clientID)
    return Object.fromEntries(Array.from(states, ([client, state]) => {
      const { anchor, head } = state.cursor ?? {}
      return [client, { ...state, at: anchor && head ? [this.index(anchor), this.index(head)] : null }]
    }))
  }

  // --- the connection ---

  look () {
    const { synced, wsconnected: connected, shouldConnect: tries } = this.provider
    const { clientID: client } = this.doc
    const { denied, closes } = this
    return { client, text: this.text.toString(), synced, connected, tries, denied, closes, others: this.others() }
  }

  // As when the network breaks: nobody says goodbye, and nothing is tried until `connect`.
  cut () {
    this.provider.shouldConnect = false
    this.provider.ws?.terminate()
  }

  disconnect () {
    this.provider.disconnect()
  }

  connect ({ url, token }) {
    if (url) this.provider.serverUrl = url
    if (token) this.provider.protocols = ['bduf.v1', `bearer.${token}`]
    this.provider.connect()
  }

  close () {
    this.provider.destroy()
    this.provider.awareness.destroy()
    this.doc.destroy()
  }
}

function carryOut ({ editor: name, do: what, ...options }) {
  if (what === 'open') editors.set(name, new Editor(options))
  return editors.get(name)[what === 'open' ? 'look' : what](options)
}

function answer (line) {
  const { call, ...order } = JSON.parse(line)
  try {
    return { call, result: carryOut(order) ?? null }
  } catch (error) {
    return { call, error: String(error?.stack ?? error) }
  }
}

createInterface({ input: process.stdin })
  .on('line', line => process.stdout.write(`${JSON.stringify(answer(line))}\n`))
  .on('close', () => process.exit())
