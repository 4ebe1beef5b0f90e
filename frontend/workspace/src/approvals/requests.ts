/** The requests for approval of a document, and one of them with all that was said, as they are now. */

import { useEffect, useRef, useState } from 'preact/hooks'
import type { ApprovalInfo, CommentInfo, Joined, Person, Policy, Room, RoomEvent } from '@bduf/realtime'
import { me, rest } from '../identity.js'

export interface Request extends ApprovalInfo {
  rules: Policy
  comments: CommentInfo[]
  delegations: Array<{ seat: Person, to: Person, until: string | null }>
  /** Whether it is for the caller to decide now. */
  to_decide: boolean
}

export const WORDS: Record<string, string> = {
  pending: 'open',
  approved: 'approved',
  rejected: 'rejected',
  changes_requested: 'changes requested',
  expired: 'expired',
  cancelled: 'taken back',
  bypassed: 'bypassed'
}

const TONES: Record<string, string> = { pending: 'warn', approved: 'good', bypassed: 'warn', rejected: 'bad', changes_requested: 'bad' }

export const toneOf = ({ state }: ApprovalInfo): string => `tag ${TONES[state] ?? ''}`

/** Whether there are more people to decide than a request names. */
function isCut ({ stage, stages }: ApprovalInfo): boolean {
  return stages[stage]!.waiting.length < stages[stage]!.waiting_count
}

/** Follows what a room is told of requests: each that changes, and that all may have changed. */
function useNews (room: Room | null, told: (approval: ApprovalInfo) => void, missed: () => void): void {
  const hearing = useRef({ told, missed })
  hearing.current = { told, missed }
  useEffect(() => {
    if (room === null) return
    const event = ({ type, data }: RoomEvent): void => {
      if (type.startsWith('approval:')) hearing.current.told((data as { approval: ApprovalInfo }).approval)
    }
    const joined = ({ recovered }: Joined): void => { if (recovered === 'snapshot') hearing.current.missed() }
    room.on('event', event)
    room.on('joined', joined)
    return () => {
      room.off('event', event)
      room.off('joined', joined)
    }
  }, [room])
}

export interface Requests {
  /** The open ones first, and of both the newest. */
  list: ApprovalInfo[]
  /** Notes what a command of this page was answered with: its ack stands for the event. */
  note: (approval: ApprovalInfo) => void
  /** Whether a request waits for the user; of one whose list of names is cut, whether it did when that was last asked. */
  waits: (approval: ApprovalInfo) => boolean
}

export function useRequests (document: string | null, room: Room | null): Requests {
  const [known, setKnown] = useState(new Map<string, ApprovalInfo>())
  const [mine, setMine] = useState(new Set<string>())
  const reading = useRef<object | null>(null)
  const read = (): void => {
    if (document === null) return
    const started = reading.current = {}
    const listed = async (more = ''): Promise<ApprovalInfo[]> =>
      (await rest.get<{ results: ApprovalInfo[] }>(`approvals/?document=${document}&limit=200${more}`)).results
    Promise.all([listed(), listed('&mine=to_decide')]).then(([all, asked]) => {
      if (reading.current !== started) return
      setKnown(new Map(all.map(one => [one.id, one])))
      setMine(new Set(asked.map(one => one.id)))
      reading.current = null
    }, () => {}) // the page says that nobody answers
  }
  const note = (approval: ApprovalInfo): void => {
    if (approval.subject?.document !== document) return
    setKnown(before => new Map(before).set(approval.id, approval))
    if (reading.current !== null || (isCut(approval) && !known.has(approval.id))) read() // what is on its way may be older
  }
  const waits = (one: ApprovalInfo): boolean => one.state === 'pending' &&
    (isCut(one) ? mine.has(one.id) : one.stages[one.stage]!.waiting.some(({ user }) => user === me.value?.id))
  useEffect(() => {
    setKnown(new Map())
    reading.current = null
    read()
  }, [document])
  useNews(room, note, read)
  const open = (one: ApprovalInfo): number => one.state === 'pending' ? 0 : 1
  const list = [...known.values()].sort((one, other) => open(one) - open(other) || other.created_at.localeCompare(one.created_at))
  return { list, waits, note: approval => { note(approval); if (isCut(approval)) read() } }
}

/** One request with all that was said of it; `read` asks for it again, and is done when it is here. */
export function useRequest (id: string, room: Room | null): { request: Request | null, error: unknown, read: () => Promise<void> } {
  const [request, setRequest] = useState<Request | null>(null)
  const [error, setError] = useState<unknown>(null)
  const asked = useRef(0)
  const read = async (): Promise<void> => {
    const number = ++asked.current
    try {
      const found = await rest.get<Request>(`approvals/${id}/`)
      if (number === asked.current) setRequest(found)
    } catch (error) {
      if (number === asked.current) setError(error)
    }
  }
  useEffect(() => { void read() }, [id])
  useNews(room, approval => { if (approval.id === id) void read() }, () => { void read() })
  return { request, error, read }
}
