import type { ComponentChildren } from 'preact'
import type { DocumentInfo, ParticipantInfo, RoomEvent } from '@bduf/realtime'
import { Avatar } from '../ui/avatar.js'
import { at } from '../ui/words.js'

interface Props { events: RoomEvent[], documents: DocumentInfo[], people: ParticipantInfo[] }

export function Activity ({ events, documents, people }: Props) {
  const told = events.flatMap(event => {
    const words = wordsOf(event, documents, people)
    return words === null ? [] : [{ event, words }]
  })
  return <ol class="messages">
    {told.length === 0 && <li class="empty"><p>Who came, what was started, and what was changed, is told here.</p></li>}
    {told.reverse().map(({ event: { seq, by, at: moment }, words }) => <li class="message" key={seq}>
      <Avatar {...by} />
      <div><p>{by.name && <strong>{by.name} </strong>}{words}</p><time class="quiet small" dateTime={moment}>{at(moment)}</time></div>
    </li>)}
  </ol>
}

function wordsOf ({ type, by, data: given }: RoomEvent, documents: DocumentInfo[], people: ParticipantInfo[]): ComponentChildren {
  const data = given as unknown as Record<string, never>
  const name = (): string => {
    const { user, participant } = data as unknown as { user: string, participant?: ParticipantInfo }
    return participant?.name ?? people.find(one => one.user === user)?.name ?? 'somebody'
  }
  const document = (data['document'] ?? '') as unknown as DocumentInfo | string
  const title = typeof document === 'string' ? documents.find(({ id }) => id === document)?.title ?? 'a document' : document.title
  switch (type as string) {
    case 'collaboration:document:created': return <>started <em>{title}</em></>
    case 'collaboration:document:renamed': return <>renamed a document to <em>{title}</em></>
    case 'collaboration:document:deleted': return <>deleted a document</>
    case 'collaboration:session:created': return 'opened the session'
    case 'collaboration:session:updated': return 'changed the settings'
    case 'collaboration:session:paused': return 'paused the session'
    case 'collaboration:session:resumed': return 'resumed the session'
    case 'collaboration:session:ended': return 'ended the session'
    case 'collaboration:participant:joined': return by.user === (data['user'] as unknown) ? 'came in' : `let ${name()} in`
    case 'collaboration:participant:left': return by.user === (data['user'] as unknown) ? 'left' : `${name()} left`
    case 'collaboration:participant:requested': return 'asks to be let in'
    case 'collaboration:participant:updated': return `made ${name()} ${(data['participant'] as unknown as ParticipantInfo | undefined)?.role ?? ''}`
    case 'collaboration:participant:removed': return `removed ${name()}`
    default: return null
  }
}
