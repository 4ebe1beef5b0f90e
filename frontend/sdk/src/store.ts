/** Where edits that the server has not confirmed outlive the page they were made on. */

/** What one provider has of a text that the server has not confirmed. */
export interface KeptEdits {
  /** Names the provider: each has a name of its own. */
  writer: string
  user: string
  document: string
  /** The session in which the document was open, if any, and its title. */
  session: string | null
  title: string
  /** All of it as one Yjs update. */
  update: Uint8Array
  /** Under which names Yjs knows whoever made it. */
  clients: number[]
  count: number
  /** When the oldest of it was made, and when it was kept, in milliseconds as Date.now. */
  since: number
  at: number
}

/** Keeps edits by writer. What rejects here is taken as not kept, and nothing else. */
export interface EditStore {
  /** Keeps edits in place of what the same writer kept before; rejects where there is no room. */
  save: (edits: KeptEdits) => Promise<void>
  /** Gives up what a writer has kept. */
  remove: (writer: string) => Promise<void>
  /** What a user's writers have left, of one document or of all, who are held by no page of this browser any more. */
  left: (user: string, document?: string) => Promise<KeptEdits[]>
  /** Holds a writer, also one who is gone, until the returned function is called or the page ends; null while others do. */
  hold: (writer: string) => Promise<(() => void) | null>
}
