/** What a room's snapshot becomes by its events, and how a page follows it. */

import { useEffect, useRef, useState } from 'preact/hooks'
import type { CommandError, DocumentInfo, Joined, ParticipantInfo, Room, RoomEvent, SessionInfo } from '@bduf/realtime'
import { client } from './realtime.js'

export interface Member { user: string, name: string, kind: string, role: string }

export interface ProjectState {
  id: string
  name: string
  sessions: SessionInfo[]
  members: Member[]
  documents: DocumentInfo[]
}

export interface SessionState {
  session: SessionInfo
  participants: ParticipantInfo[]
  waiting: ParticipantInfo[]
  documents: DocumentInfo[]
}

/** Replaces what has the same key, or adds it at the end. */
function put<T> (list: T[], key: (one: T) => string, value: T): T[] {
  const at = list.findIndex(one => key(one) === key(value))
  return at < 0 ? [...list, value] : list.with(at, value)
}

const byId = (one: { id: string }): string => one.id
const byUser = (one: { user: string }): string => one.user

type Data = Record<string, never>

function documents (list: DocumentInfo[], type: string, data: Data): DocumentInfo[] {
  switch (type) {
    case 'collaboration:document:created':
    case 'collaboration:document:renamed': return put(list, byId, data['document'] as unknown as DocumentInfo)
    case 'collaboration:document:deleted': return list.filter(({ id }) => id !== (data['document'] as unknown))
    default: return list
  }
}

export function foldProject (state: ProjectState, { type, data: given }: RoomEvent): ProjectState {
  const data = given as unknown as Data
  switch (type as string) {
    case 'project:updated': return { ...state, name: data['name'] as unknown as string }
    case 'project:member:added':
    case 'project:member:updated': return { ...state, members: put(state.members, byUser, data as unknown as Member) }
    case 'project:member:removed': return { ...state, members: state.members.filter(({ user }) => user !== (data['user'] as unknown)) }
    case 'collaboration:session:created':
    case 'collaboration:session:updated':
    case 'collaboration:session:paused':
    case 'collaboration:session:resumed': return { ...state, sessions: put(state.sessions, byId, data['session'] as unknown as SessionInfo) }
    case 'collaboration:session:ended': {
      const { id } = data['session'] as unknown as SessionInfo
      return { ...state, sessions: state.sessions.filter(session => session.id !== id) }
    }
    default: return { ...state, documents: documents(state.documents, type, data) }
  }
}

export function foldSession (state: SessionState, { type, data: given }: RoomEvent): SessionState {
  const data = given as unknown as Data
  const without = (list: ParticipantInfo[]): ParticipantInfo[] => list.filter(({ user }) => user !== (data['user'] as unknown))
  const participant = data['participant'] as unknown as ParticipantInfo
  switch (type as string) {
    case 'collaboration:session:updated':
    case 'collaboration:session:paused':
    case 'collaboration:session:resumed':
    case 'collaboration:session:ended': return { ...state, session: data['session'] as unknown as SessionInfo }
    case 'collaboration:participant:joined': return { ...state, participants: put(state.participants, byUser, participant), waiting: without(state.waiting) }
    case 'collaboration:participant:updated': {
      const here = state.participants.some(({ user }) => user === participant.user)
      return { ...state, participants: here ? put(state.participants, byUser, participant) : state.participants, waiting: without(state.waiting) }
    }
    case 'collaboration:participant:requested': return { ...state, waiting: put(state.waiting, byUser, participant) }
    case 'collaboration:participant:left': return { ...state, participants: without(state.participants) }
    case 'collaboration:participant:removed': return { ...state, participants: without(state.participants), waiting: without(state.waiting) }
    default: return { ...state, documents: documents(state.documents, type, data) }
  }
}

export interface Live<S> {
  room: Room | null
  state: S | null
  /** What the caller may do here. */
  permissions: string[]
  role: string
  error: CommandError | null
}

/** Follows a room while a component is there: its state, the caller's role, and every event by `heard`. */
export function useRoom<S> (name: string | null, fold: (state: S, event: RoomEvent) => S, heard?: (event: RoomEvent) => void): Live<S> {
  const [live, setLive] = useState<Live<S>>({ room: null, state: null, permissions: [], role: '', error: null })
  const hearing = useRef(heard)
  hearing.current = heard
  useEffect(() => {
    if (name === null) return
    const room = client.room(name)
    setLive(before => ({ ...before, room }))
    const joined = ({ state, permissions, role }: Joined): void => {
      setLive(before => ({ room, state: (state as S | undefined) ?? before.state, permissions, role, error: null }))
    }
    const event = (event: RoomEvent): void => {
      setLive(before => before.state === null ? before : { ...before, state: fold(before.state, event) })
      hearing.current?.(event)
    }
    const left = (error: CommandError | null): void => { if (error !== null) setLive(before => ({ ...before, error })) }
    room.on('joined', joined)
    room.on('event', event)
    room.on('left', left)
    if (room.joined !== null) room.refresh() // somebody else on this page is in it, and had the state
    return () => {
      room.off('joined', joined)
      room.off('event', event)
      room.off('left', left)
      room.leave()
    }
  }, [name])
  return live
}
