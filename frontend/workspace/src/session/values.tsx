import { useEffect, useState } from 'preact/hooks'
import type { DocumentInfo } from '@bduf/realtime'
import { rest } from '../identity.js'
import { useRoom } from '../state.js'
import { Field, Form } from '../ui/form.js'

type Fields = Record<string, { value: unknown, seq: number }>

/** A document of values by key: shown as they change, and set one by one. */
export function Values ({ info, writes }: { info: DocumentInfo, writes: boolean }) {
  const [fields, setFields] = useState<Fields>({})
  const [seq, setSeq] = useState(0)
  const read = (): void => {
    rest.get<{ fields: Fields, seq: number }>(`documents/${info.id}/content/`).then(content => {
      setFields(content.fields)
      setSeq(content.seq)
    }, () => {}) // the page says that the connection is lost
  }
  useRoom<object>(`document:${info.id}`, state => state, read)
  useEffect(read, [info.id])
  const rows = Object.entries(fields).filter(([, { value }]) => value !== null)
  return <div class="values">
    {rows.length > 0 && <table>
      <thead><tr><th scope="col">Key</th><th scope="col">Value</th></tr></thead>
      <tbody>{rows.map(([key, { value }]) => <tr key={key}><th scope="row">{key}</th><td>{typeof value === 'string' ? value : <code>{JSON.stringify(value)}</code>}</td></tr>)}</tbody>
    </table>}
    {rows.length === 0 && <div class="empty"><strong>No values yet</strong><p>A value has a key, and is text or JSON. Who looks at this sees it change.</p></div>}
    {writes && <Form action="Set" send={async ({ key = '', value = '' }) => {
      const base = info.strategy === 'reject' ? { base: seq } : {}
      await rest.patch(`documents/${info.id}/content/`, { changes: [{ key, value: meant(value) }], ...base })
      read()
    }}>
      <div class="row"><Field label="Key" name="key" required maxlength={200} /><Field label="Value" name="value" /></div>
    </Form>}
  </div>
}

/** JSON where it is JSON, and else the text as it is. */
function meant (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
