/** Edits in the browser's IndexedDB; which page is alive is told by the locks it holds. */

import { CommandError } from './errors.js'
import type { EditStore, KeptEdits } from './store.js'

/** How much is kept: bytes of a writer's edits of a document, how many of these, and for how many milliseconds. */
export const KEPT = { bytes: 2_000_000, entries: 32, age: 30 * 86_400_000 }

const EDITS = 'edits'

/** Keeps edits in a database of that name, for as long as the browser keeps what pages store. */
export function indexedDBStore (name: string, limits: typeof KEPT = KEPT): EditStore {
  const held = new Set<string>()
  // Pages over plain HTTP have none.
  const locks = globalThis.navigator?.locks as LockManager | undefined
  const lock = (writer: string): string => `${name}:${writer}`
  let opening: Promise<IDBDatabase> | null = null

  const open = async (): Promise<IDBDatabase> => await (opening ??= connect(name, () => { opening = null }))

  const change = async (work: (edits: IDBObjectStore) => Promise<void>): Promise<void> => {
    // On the disk, not on its way there: the next thing may be that the battery is empty.
    const transaction = (await open()).transaction(EDITS, 'readwrite', { durability: 'strict' })
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error ?? new CommandError('client.full', 'Too much is kept.'))
    })
    work(transaction.objectStore(EDITS)).catch(() => { if (transaction.error === null) transaction.abort() })
    await done
  }

  return {
    async save (edits) {
      await change(async kept => {
        const known = await answer(kept.getKey(edits.writer)) !== undefined
        const full = !known && await answer(kept.count()) >= limits.entries
        if (full || edits.update.length > limits.bytes) throw new Error('full')
        kept.put(edits)
      })
    },
    async remove (writer) {
      await change(async kept => { kept.delete(writer) })
    },
    async left (user, document) {
      await change(async kept => {
        const old = await answer(kept.index('at').getAllKeys(IDBKeyRange.upperBound(Date.now() - limits.age)))
        for (const writer of old) kept.delete(writer)
      })
      const place = document === undefined ? IDBKeyRange.bound([user], [user, []]) : [user, document]
      const all = await answer<KeptEdits[]>((await open()).transaction(EDITS).objectStore(EDITS).index('place').getAll(place))
      const elsewhere = new Set((await locks?.query())?.held?.map(({ name }) => name))
      return all.filter(({ writer }) => !held.has(writer) && !elsewhere.has(lock(writer)))
    },
    async hold (writer) {
      if (held.has(writer)) return null
      held.add(writer)
      const free = (): void => { held.delete(writer) }
      if (locks === undefined) return free
      return await new Promise((resolve, reject) => {
        locks.request(lock(writer), { ifAvailable: true }, async lock => {
          if (lock !== null) return await new Promise<void>(release => { resolve(() => { free(); release() }) })
          free()
          resolve(null)
        }).catch(reject)
      })
    }
  }
}

async function connect (name: string, gone: () => void): Promise<IDBDatabase> {
  try {
    const asked = indexedDB.open(name, 1)
    asked.onupgradeneeded = () => {
      const edits = asked.result.createObjectStore(EDITS, { keyPath: 'writer' })
      edits.createIndex('place', ['user', 'document'])
      edits.createIndex('at', 'at')
    }
    const database = await answer(asked)
    database.onclose = gone
    database.onversionchange = () => { // somebody deletes it
      database.close()
      gone()
    }
    return database
  } catch (error) {
    gone() // and the next one asks again
    throw error
  }
}

async function answer<T> (request: IDBRequest<T>): Promise<T> {
  return await new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
