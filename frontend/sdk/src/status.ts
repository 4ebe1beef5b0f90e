/** How a connection is made, how it is, and what is told of it. */

import type { Backoff } from './backoff.js'
import type { Unsaved } from './commands.js'
import type { CommandError } from './errors.js'
import type { EditStore } from './store.js'
import type { Connected } from './wire.js'

/**
 * - `offline`: not asked to connect.
 * - `connecting`: the first try, or another after the connection was lost (`reconnecting`).
 * - `live`: signed in; commands go out.
 * - `draining`: the server is about to stop; everything still works, and the client comes back by itself.
 * - `stopped`: the server does not want this client back; `reason` says why.
 */
export type State = 'offline' | 'connecting' | 'live' | 'draining' | 'reconnecting' | 'stopped'

/** How the connection is. */
export interface Status {
  state: State
  /** What the last connection was closed with, 0 where it just ended; null while there is one. */
  code: number | null
  /** Why: an error code of the server's, or what went wrong here. */
  reason: string
  /** When the next try is due, in milliseconds as Date.now. */
  next: number | null
}

/** How to connect. */
export interface ClientOptions {
  /** Where the server is, e.g. `https://bduf.example`; by default where the page comes from. */
  url?: string
  /**
   * Gives a token that is valid now; asked for each connection, for REST calls, and before one expires. Where it
   * throws, or takes half a minute, it is asked again later; a CommandError of `auth.…` says that there is none.
   */
  token: () => string | Promise<string>
  /** What this program is called; operators see it. */
  name?: string
  /** Its version; operators see it. */
  version?: string
  /** How long to wait between tries; by default up to 0.5 s, doubled with each that fails, to 30 s. */
  backoff?: Backoff
  /** Where edits of texts outlive the page until the server confirms them; by default they are kept in memory. */
  store?: EditStore
  /** What opens sockets; by default the platform's. In Node before 22, that of `ws`. */
  WebSocket?: new (url: string) => Socket
}

/** What the client needs of a WebSocket. */
export interface Socket {
  readonly readyState: number
  send: (text: string) => void
  close: (code: number) => void
  // Browsers and `ws` call with events of their own types.
  onopen: ((event: any) => void) | null
  onmessage: ((event: any) => void) | null
  onclose: ((event: any) => void) | null
  onerror: ((event: any) => void) | null
}

/** What the client tells. */
export interface ClientEvents {
  /** How the connection is has changed. */
  status: (status: Status) => void
  /** What waits whose loss the user would notice has changed: durable commands, and edits of documents. */
  unsaved: (unsaved: Unsaved) => void
  /** The server let the client in. */
  connected: (connected: Connected) => void
  /** An error of the connection, or one that answers no command. */
  error: (error: CommandError) => void
}
