import { colorOf } from '@bduf/realtime'

export interface Person { user: string, name: string, kind?: string }

export function Avatar ({ user, name, kind = 'human' }: Person) {
  const initials = name.split(/[\s(]+/).filter(Boolean).slice(0, 2).map(word => [...word][0]).join('').toUpperCase()
  return <span class={`avatar ${kind}`} style={{ '--color': colorOf(user) }} title={kind === 'human' ? name : `${name} (${kind})`} aria-hidden="true">{initials}</span>
}

/** Up to five of many; the number of the others. */
export function Avatars ({ people }: { people: Person[] }) {
  const more = people.length - 5
  return <span class="avatars" role="img" aria-label={`Here: ${people.map(({ name }) => name).join(', ')}`}>
    {people.slice(0, 5).map(person => <Avatar {...person} key={person.user} />)}
    {more > 0 && <span class="avatar">+{more}</span>}
  </span>
}
