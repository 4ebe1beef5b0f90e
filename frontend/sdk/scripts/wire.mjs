// Writes src/wire.ts from the server's AsyncAPI document, or with --check says whether it is up to date.

import { readFileSync, writeFileSync } from 'node:fs'
import { compile } from 'json-schema-to-typescript'

const SOURCE = new URL('../../../docs/asyncapi.json', import.meta.url)
const TARGET = new URL('../src/wire.ts', import.meta.url)
const document = JSON.parse(readFileSync(SOURCE, 'utf8'))
const { messages, schemas } = document.components

const named = ref => ref.split('/').pop()
const local = value => JSON.parse(JSON.stringify(value).replaceAll('#/components/schemas/', '#/definitions/'))

// json-schema-to-typescript names types by their title; what has no use of its own is written out all the same.
const definitions = local(schemas)
for (const [name, schema] of Object.entries(definitions)) schema.title = name

const types = await compile({ title: 'Wire', type: 'object', definitions }, 'Wire', {
  bannerComment: '',
  additionalProperties: false,
  unreachableDefinitions: true,
  style: { semi: false, singleQuote: true, printWidth: 120 }
})

function payload (message) {
  const { properties, allOf } = message.payload
  const data = properties?.data ?? allOf?.[1].properties.data
  return data ? named(data.$ref) : 'Record<string, never>'
}

// Of what the server sends, acks, errors and pings are no rows of these tables: they are types of their own.
const used = operation => document.operations[operation].messages.map(({ $ref }) => messages[named($ref)])

const rows = (list, type) => list.map(message => `  '${message.name}': ${type(message)}`).join('\n')
const commands = used('command')
const events = used('event').filter(({ payload }) => payload.allOf)
const ephemeral = used('event').filter(({ payload }) => payload.properties?.room)
const notices = used('event').filter(({ payload }) => payload.properties?.data && !payload.properties.room)
const acks = rows(commands, message => (message['x-ack'] ? named(message['x-ack'].$ref) : 'Record<string, unknown>'))

function tidy (types) {
  return types
    .replace(/export interface Wire \{[^}]*\}\n/, '')
    .replace(/( \*\n)? \* This interface was referenced by `Wire`'s JSON-Schema\n \* via the `definition` "\w+"\.\n/g, '')
    .replace(/\/\*\*\n \*\/\n/g, '')
    .trim()
}

const written = `// Written by \`npm run wire\` from docs/asyncapi.json: do not edit.

${tidy(types)}

/** What each command takes. */
export interface Commands {
${rows(commands, payload)}
}

/** What each command's ack holds. */
export interface Acks {
${acks}
}

/** What each numbered event holds. */
export interface Events {
${rows(events, payload)}
}

/** What each event holds that has no number. */
export interface Ephemerals {
${rows(ephemeral, payload)}
}

/** What each frame holds that belongs to no room. */
export interface Notices {
${rows(notices, payload)}
}

/** What the server may answer to a command, or say of a connection. */
export type ErrorCode =
${Object.keys(document['x-error-codes']).map(code => `  | '${code}'`).join('\n')}

/** What the server closes connections with. */
export const CLOSE_CODES = {
${Object.entries(document['x-close-codes']).map(([code, name]) => `  ${name}: ${code}`).join(',\n')}
} as const
`

if (process.argv.includes('--check')) {
  if (readFileSync(TARGET, 'utf8') !== written) {
    console.error('src/wire.ts is not what docs/asyncapi.json says: run `npm run wire`.')
    process.exit(1)
  }
  console.log('src/wire.ts is up to date')
} else {
  writeFileSync(TARGET, written)
  console.log('wrote src/wire.ts')
}
