// Written by `npm run wire` from docs/asyncapi.json: do not edit.

/**
 * The answer to a command; room, epoch and seq are set when it appended to a log.
 */
export interface Ack {
  type: string
  id: string
  data: unknown
  room?: string | null
  epoch?: string | null
  seq?: number | null
}
/**
 * Answers a command about a request: what it is now, and the vote or comment that was added.
 */
export interface ApprovalAnswer {
  id: string
  state: string
  content_hash: string
  approval: ApprovalInfo
  vote?: VoteInfo | null
  comment?: CommentInfo | null
}
/**
 * A request as those who may read it see it; `explanation` says in one line what it waits for.
 *
 *     `content_hash` is what to decide on, `stale` whether the document has changed since, with event `changed_seq`: then
 *     the hash to decide on is that of the document now, which REST tells. Where it is `large`, what does not fit 6 KiB is
 *     cut or left out: long texts and lists, the payload, all but the latest votes; REST has them. It is `hidden` in the
 *     project's room where not all members may see its session: it says its id, where it is and its state, and the rest is
 *     empty.
 */
export interface ApprovalInfo {
  id: string
  project: string
  session: string | null
  subject: SubjectInfo | null
  title: string
  description: string
  requested_by: Person
  state: string
  reason: string
  stage: number
  stages: StageInfo[]
  votes: VoteInfo[]
  vote_count: number
  round: number
  content_hash: string
  stale: boolean
  changed_seq: number | null
  policy: PolicyInfo
  open_threads: number
  due_at: string | null
  escalated_at: string | null
  created_at: string
  closed_at: string | null
  explanation: string
  payload: unknown
  large: boolean
  hidden?: boolean
}
/**
 * The document a request is about, the version that was asked about or voted on, and its last event.
 */
export interface SubjectInfo {
  document: string
  version: string
  seq: number
  title: string
}
/**
 * A user by id and name.
 */
export interface Person {
  user: string
  name: string
}
/**
 * How far a stage is: `missing` more must approve, of the `waiting_count` who are still to decide.
 *
 *     The lists may be cut where the request is `large`; the counts are of all.
 */
export interface StageInfo {
  name: string
  state: string
  needed: number
  missing: number
  approved: Person[]
  against: Person[]
  abstained: Person[]
  waiting: Person[]
  approved_count: number
  against_count: number
  abstained_count: number
  waiting_count: number
}
/**
 * What was decided from the seat of `user`, by whom that was delegated to if not the same.
 *
 *     A `stale` vote counts no more: the content changed by the document's event number `stale_since`.
 */
export interface VoteInfo {
  user: string
  name: string
  by: Person
  stage: number
  round: number
  decision: 'abstain' | 'approve' | 'reject' | 'request_changes'
  comment: string
  content_hash: string
  door: string
  at: string
  stale: boolean
  stale_since: number | null
}
/**
 * What a request's policy says beside its stages; `id` and `version` name the stored one that it was.
 */
export interface PolicyInfo {
  id: string | null
  version: number | null
  name: string
  on_change: string
  on_expiry: string
  resolve_comments: boolean
  bypass: string[]
}
/**
 * A word on a request; `thread` is the comment that it answers. `resolved` says who closed the conversation.
 */
export interface CommentInfo {
  id: string
  thread: string | null
  author: Person
  body: string
  round: number
  at: string
  resolved_at: string | null
  resolved_by: string | null
}
export interface ApprovalBypass {
  reason: string
  approval: string
}
export interface ApprovalCancel {
  reason?: string
  approval: string
}
/**
 * In the project's room, the session's, and those of the users concerned: a request as it is now.
 */
export interface ApprovalChanged {
  approval: ApprovalInfo
}
export interface ApprovalComment {
  body: string
  thread?: string | null
  approval: string
}
/**
 * Somebody said something; what was said on a hidden request is null.
 */
export interface ApprovalCommented {
  approval: ApprovalInfo
  comment: CommentInfo | null
}
export interface ApprovalDecide {
  decision: 'abstain' | 'approve' | 'reject' | 'request_changes'
  content_hash: string
  comment?: string
  approval: string
}
/**
 * Somebody voted; `approval.state` says what came of it. The vote on a hidden request is null.
 */
export interface ApprovalDecided {
  approval: ApprovalInfo
  vote: VoteInfo | null
}
export interface ApprovalDelegate {
  to: string
  until?: string | null
  approval: string
}
/**
 * Asks for approval of a document, or of what the request itself says.
 *
 *     By a `policy`, the id of a stored one or a whole one, or of `approvers`, of whom `quorum` have to approve; without
 *     either by the project's default policy, or else by anybody who may write. Users are named by id or username.
 */
export interface ApprovalRequest {
  project: string
  title: string
  session?: string | null
  description?: string
  subject?: Subject | null
  policy?: string | Policy | null
  approvers?: [string, ...string[]] | null
  quorum?: number | string | null
  due_at?: string | null
  payload?: {
    [k: string]: unknown
  }
}
/**
 * A document as it is now, or a version of it.
 */
export interface Subject {
  document: string
  version?: string | null
}
/**
 * Stages in order, and what happens when the content changes or time passes; times are in seconds.
 *
 *     `on_change`: `dismiss_votes` has the request follow the document, and votes on former content count no more;
 *     `keep` leaves request and votes with the version that was asked about. `bypass` names the roles that may do
 *     without; with `resolve_comments` nothing is approved while a conversation is open.
 */
export interface Policy {
  /**
   * @minItems 1
   * @maxItems 10
   */
  stages:
    | [Stage]
    | [Stage, Stage]
    | [Stage, Stage, Stage]
    | [Stage, Stage, Stage, Stage]
    | [Stage, Stage, Stage, Stage, Stage]
    | [Stage, Stage, Stage, Stage, Stage, Stage]
    | [Stage, Stage, Stage, Stage, Stage, Stage, Stage]
    | [Stage, Stage, Stage, Stage, Stage, Stage, Stage, Stage]
    | [Stage, Stage, Stage, Stage, Stage, Stage, Stage, Stage, Stage]
    | [Stage, Stage, Stage, Stage, Stage, Stage, Stage, Stage, Stage, Stage]
  on_change?: 'dismiss_votes' | 'keep'
  remind_after?: number | null
  escalate_after?: number | null
  escalate_to?: Who | null
  expires_after?: number | null
  on_expiry?: 'expire' | 'reject'
  /**
   * @maxItems 4
   */
  bypass?:
    | []
    | ['moderator' | 'observer' | 'owner' | 'participant']
    | ['moderator' | 'observer' | 'owner' | 'participant', 'moderator' | 'observer' | 'owner' | 'participant']
    | [
        'moderator' | 'observer' | 'owner' | 'participant',
        'moderator' | 'observer' | 'owner' | 'participant',
        'moderator' | 'observer' | 'owner' | 'participant'
      ]
    | [
        'moderator' | 'observer' | 'owner' | 'participant',
        'moderator' | 'observer' | 'owner' | 'participant',
        'moderator' | 'observer' | 'owner' | 'participant',
        'moderator' | 'observer' | 'owner' | 'participant'
      ]
  resolve_comments?: boolean
}
/**
 * One step: how many of whom must approve, `"all"` or a share like `"50%"` being of those who do not abstain.
 *
 *     With `veto` the first who rejects, or requests changes, ends the request; without, it ends once the others no
 *     longer suffice. Agents never count, excluded or not.
 */
export interface Stage {
  who: Who
  name?: string
  need?: number | string
  veto?: boolean
  /**
   * @maxItems 3
   */
  exclude?:
    | []
    | ['agents' | 'last_editor' | 'requester']
    | ['agents' | 'last_editor' | 'requester', 'agents' | 'last_editor' | 'requester']
    | [
        'agents' | 'last_editor' | 'requester',
        'agents' | 'last_editor' | 'requester',
        'agents' | 'last_editor' | 'requester'
      ]
}
/**
 * Those who may decide: named users (by id or username), those with at least a role, the members of a group.
 *
 *     Always only those of them who may see what it is about.
 */
export interface Who {
  /**
   * @maxItems 200
   */
  users?: string[]
  role?: ('moderator' | 'observer' | 'owner' | 'participant') | null
  group?: string | null
}
export interface ApprovalResolve {
  comment: string
  resolved?: boolean
  approval: string
}
/**
 * Something else changed: the document (`stale` then says whether it is not what was voted on), or who decides.
 */
export interface ApprovalUpdated {
  approval: ApprovalInfo
  change: 'bypassed' | 'content' | 'delegated' | 'resolved' | 'seats'
  stale: boolean
}
/**
 * Swaps the connection's token for a newer one of the same user.
 */
export interface AuthRefresh {
  token: string
}
/**
 * Who did it, and over which connection; empty strings when the server did.
 */
export interface Author {
  user: string
  name: string
  kind: string
  connection?: string
}
/**
 * `project:broadcast`: somebody said something to all members, in the project's room.
 */
export interface BroadcastSent {
  project: string
  name: string
  payload?: {
    [k: string]: unknown
  }
}
/**
 * Who caused a notification.
 */
export interface Causer {
  user: string
  name: string
}
/**
 * One key's new value; any JSON.
 */
export interface Change {
  key: string
  value: unknown
}
/**
 * Who the client program is; `instance` stays the same across its reconnects and scopes command ids.
 */
export interface ClientInfo {
  name?: string
  version?: string
  instance?: string
}
/**
 * Sent once, when the connection is authenticated.
 */
export interface Connected {
  protocol: number
  connection: string
  user: UserInfo
  server_time: string
  token_expires_at: string
  heartbeat: Heartbeat
  limits: {
    [k: string]: number
  }
  capabilities: string[]
  cursor_tick_ms: number
}
/**
 * A user as others see it.
 */
export interface UserInfo {
  id: string
  name: string
  kind: string
}
/**
 * Seconds between the server's pings, and of silence after which it closes.
 */
export interface Heartbeat {
  interval: number
  timeout: number
}
/**
 * One connection's cursor in `collaboration:cursor:moved`; position null means that it is gone.
 */
export interface Cursor {
  user: string
  name: string
  kind: string
  connection: string
  document: string | null
  position: {} | null
  selection: {} | null
  status: string | null
  at: string
}
/**
 * Moves this connection's cursor; only the latest place is passed on.
 *
 *     Without `session` it moves in a project's document, which this connection has joined.
 */
export interface CursorMove {
  position: {} | null
  session?: string | null
  document?: string | null
  selection?: {} | null
  status?: string | null
}
/**
 * `collaboration:cursor:moved`: where cursors are that moved in the last tick; of each connection the latest.
 */
export interface CursorsMoved {
  cursors: Cursor[]
}
/**
 * Answers a command about a document: the document as it is now, or was when it was deleted.
 */
export interface DocumentAnswer {
  id: string
  document: DocumentInfo
}
/**
 * A document as those who may read it see it; `session` is null where it belongs to the whole project.
 */
export interface DocumentInfo {
  id: string
  project: string
  session: string | null
  title: string
  strategy: string
  created_by: string | null
  created_at: string
}
/**
 * Answers who wrote what: all ranges of a text, in order, or the writers of values by key; as of `seq`.
 *
 *     What is `large` is too much for a frame: it is read over REST.
 */
export interface DocumentAttributed {
  document: string
  seq: number
  content_hash: string
  ranges?: WrittenRange[] | null
  fields?: {
    [k: string]: WrittenField
  } | null
  large?: boolean
}
/**
 * What of a text somebody wrote: from `start` to `end` (exclusive), in UTF-16 units as JavaScript counts them.
 */
export interface WrittenRange {
  user: string | null
  name: string
  kind: string
  acts_for: Person | null
  start: number
  end: number
}
/**
 * Who wrote a key's value, and the number of the event.
 */
export interface WrittenField {
  user: string | null
  name: string
  kind: string
  acts_for: Person | null
  seq: number
}
/**
 * Asks who wrote what in a document.
 */
export interface DocumentAttribution {
  document: string
}
/**
 * `collaboration:document:created` and `:renamed`, in the document's room and in its session's or project's.
 */
export interface DocumentChanged {
  document: DocumentInfo
}
/**
 * Starts a document in a session or, for all members, in a project.
 *
 *     `content` is a text where the strategy is `merge`, and else an object of values by key. Without `strategy` it is
 *     the session's `conflict_resolution`, and in a project `last_write_wins`.
 */
export interface DocumentCreate {
  title: string
  session?: string | null
  project?: string | null
  strategy?: ('last_write_wins' | 'merge' | 'reject') | null
  content?: string | {} | null
}
/**
 * Deletes a document; for owners, and for whoever started it.
 */
export interface DocumentDelete {
  document: string
}
/**
 * `collaboration:document:deleted`, in the document's room, which nobody is in afterwards, and its list's.
 */
export interface DocumentDeleted {
  document: string
}
/**
 * Gives a document another title.
 */
export interface DocumentRename {
  document: string
  title: string
}
/**
 * Asks for a document, or for what of it `state_vector`, in base64, says is missing.
 */
export interface DocumentSync {
  document: string
  state_vector?: string | null
}
/**
 * Answers a sync: what was missing and the server's state vector, or the values by key; as of `seq`.
 *
 *     What is `large` is too much for a frame: it is read over REST.
 */
export interface DocumentSynced {
  document: string
  seq: number
  update?: string | null
  state_vector?: string | null
  fields?: {
    [k: string]: FieldValue
  } | null
  large?: boolean
}
/**
 * A key's value, and the number of the event that wrote it.
 */
export interface FieldValue {
  value: unknown
  seq: number
}
/**
 * Edits a document that this connection has joined.
 *
 *     `update`, a Yjs update v1 in base64, where the strategy is `merge`; else `changes`, of which later ones of the same
 *     key win. Where it is `reject`, `base` is the room's number that the author had seen.
 */
export interface DocumentUpdate {
  document: string
  update?: string | null
  changes?: [Change, ...Change[]] | null
  base?: number | null
}
/**
 * `collaboration:document:updated`: an edit as it was accepted, by `update` or by `changes`.
 */
export interface DocumentUpdated {
  document: string
  update?: string | null
  changes?: Change[] | null
}
/**
 * The server is about to stop: everything still works, and soon the socket closes 4503.
 */
export interface Draining {}
/**
 * The answer to a command that was refused; `id` is null when the frame had none.
 */
export interface ErrorFrame {
  type: string
  id: string | null
  code: string
  message: string
  retryable: boolean
  retry_after_ms: number | null
  details: {}
}
/**
 * An event as clients see it; `data` is already encoded.
 */
export interface Event {
  type: string
  room: string
  epoch: string
  seq: number
  at: string
  by: Author
  data: unknown
}
/**
 * Says who is calling. Needed as first frame where the handshake carried no token.
 */
export interface Hello {
  token?: string | null
  client?: ClientInfo | null
  /**
   * @maxItems 32
   */
  capabilities?: string[]
  timezone?: string
}
/**
 * Answers room:history: events oldest first, the lowest number still held, and the newest.
 */
export interface History {
  events: unknown[]
  floor: number
  head: number
  epoch: string
}
/**
 * A kind of notification, the channels in which you get it, and those in which one gets it who says nothing.
 *
 *     What one `must_act` on is always shown.
 */
export interface KindPreference {
  kind: string
  title: string
  channels: string[]
  default: string[]
  must_act: boolean
}
/**
 * `project:member:added`, `:updated` and `:removed`, in the project's room; `role` is null when removed.
 */
export interface MemberChanged {
  project: string
  user: string
  name: string
  kind: string
  role: string | null
}
/**
 * Says something durable to a session.
 */
export interface MessageSend {
  session: string
  body: string
  payload?: {
    [k: string]: unknown
  }
}
/**
 * `collaboration:message:sent`: somebody said something.
 */
export interface MessageSent {
  session: string
  body: string
  payload?: {
    [k: string]: unknown
  }
}
/**
 * A project or session of which you do not hear.
 */
export interface MuteInfo {
  scope: string
  until: string | null
}
/**
 * A project or session (`project:<id>`) of which you do not want to hear, until then or until you unmute it.
 */
export interface MuteWish {
  scope: string
  until?: string | null
}
/**
 * You are told something, for the first time or again; `unread` is how many you have not read.
 */
export interface NotificationCreated {
  notification: NotificationInfo
  unread: number
}
/**
 * A notification. `link` is a path of the workspace; `sent` is how often it was put before you.
 *
 *     With `must_act` it is told again from time to time until `settled_at`: then there is nothing to act on any more.
 */
export interface NotificationInfo {
  id: string
  kind: string
  title: string
  body: string
  link: string
  project: string | null
  session: string | null
  data: {}
  by: Causer | null
  must_act: boolean
  created_at: string
  read_at: string | null
  settled_at: string | null
  sent: number
}
/**
 * Changes what you are told of, and how; without any field it only asks for it.
 *
 *     `kinds` gives the channels of a kind or of a pattern of kinds, of which the longest that matches counts; null takes
 *     back what you said of it. `mail_after` is how many seconds you have to read a notification before it is mailed,
 *     null as long as this server gives everybody.
 */
export interface NotificationPreferences {
  kinds?: {
    [k: string]: [] | ['email' | 'in_app'] | ['email' | 'in_app', 'email' | 'in_app'] | null
  }
  mail_after?: number | null
  /**
   * @maxItems 100
   */
  mute?: MuteWish[]
  /**
   * @maxItems 100
   */
  unmute?: string[]
}
/**
 * You have read some, on whatever device, or all there were; `unread` is how many are left.
 */
export interface NotificationRead {
  ids: string[]
  all: boolean
  unread: number
}
/**
 * The number of a notification that none of the topics of your subscription is about.
 */
export interface NotificationSkipped {}
/**
 * Enters your own room, and asks for the notifications that you have not read.
 *
 *     `topics` are kinds (`approval.requested`), beginnings of kinds (`approval.*`), `*`, and projects and sessions that
 *     you see (`project:<id>`); you are told of what any of them is about, without them of everything. Of the others
 *     `notification:skipped` has the number, so that your position stays exact. Subscribing again replaces the topics.
 *     With a position `since` missed events follow the ack in order; with a time, what was told after it is listed
 *     instead of what is unread.
 */
export interface NotificationSubscribe {
  /**
   * @maxItems 50
   */
  topics?: string[]
  since?: string | Since | null
}
/**
 * The position a client has: the epoch it knows, and the last number it saw.
 */
export interface Since {
  epoch: string
  seq: number
}
/**
 * Leaves your own room.
 */
export interface NotificationUnsubscribe {}
/**
 * Notes that you have read some notifications, by their `ids`, or `all` there are. One of the two.
 */
export interface NotificationsMark {
  ids?: string[] | null
  all?: boolean
}
/**
 * Answers notification:read: how many are read now that were not, and how many are left.
 */
export interface NotificationsMarked {
  read: number
  unread: number
}
/**
 * Answers notification:subscribe: where the room stands, and what there is to read as of `seq`.
 */
export interface NotificationsSubscribed {
  room: string
  epoch: string
  seq: number
  recovered: string
  unread: number
  notifications: NotificationInfo[]
  more: boolean
  topics: string[]
}
/**
 * Lets somebody in who waits, or who was turned away or removed.
 */
export interface ParticipantAdmit {
  session: string
  user: string
}
/**
 * Answers a command about a participant: the participant as it is now.
 */
export interface ParticipantAnswer {
  session: string
  user: string
  participant: ParticipantInfo
}
/**
 * A participant as others see it; `admission` is open, waiting, admitted, denied or removed.
 */
export interface ParticipantInfo {
  user: string
  name: string
  kind: string
  role: string
  permissions: string[]
  joined_at: string | null
  admission: string
  guest: boolean
}
/**
 * Turns somebody away who waits to be let in.
 */
export interface ParticipantDeny {
  session: string
  user: string
  reason?: string
}
/**
 * `collaboration:participant:joined`, with the user's first connection; `:requested`, who waits to be let in.
 */
export interface ParticipantJoined {
  session: string
  user: string
  participant: ParticipantInfo
}
/**
 * `collaboration:participant:left`: the grace period of the user's last connection is over.
 */
export interface ParticipantLeft {
  session: string
  user: string
}
/**
 * Shows somebody out, who may not come back until admitted again.
 */
export interface ParticipantRemove {
  session: string
  user: string
  reason?: string
}
/**
 * `collaboration:participant:removed`: in or at the door no more; `reason` is removed, denied, expired,
 *     left_project or deleted. Whoever waited is told in the user's room too.
 */
export interface ParticipantRemoved {
  session: string
  user: string
  reason: string
}
/**
 * Gives somebody another role in a session.
 */
export interface ParticipantRole {
  session: string
  user: string
  role: 'moderator' | 'observer' | 'owner' | 'participant'
}
/**
 * `collaboration:participant:updated`: has another role, or was let in; the latter in the user's room too.
 */
export interface ParticipantUpdated {
  session: string
  user: string
  participant: ParticipantInfo
}
/**
 * Asks for a pong.
 */
export interface Ping {}
/**
 * Answers the server's ping; its `id` is the ping's.
 */
export interface Pong {
  server_time?: {
    [k: string]: unknown
  }
}
/**
 * What you are told of, and how; `patterns` is what you said of it yourself.
 */
export interface PreferencesInfo {
  kinds: KindPreference[]
  patterns: {
    [k: string]: string[]
  }
  mail_after: number
  mutes: MuteInfo[]
}
/**
 * Says something durable to all of a project's members; for moderators and owners.
 */
export interface ProjectBroadcast {
  project: string
  name: string
  payload?: {
    [k: string]: unknown
  }
}
/**
 * `project:updated`: the project has another name.
 */
export interface ProjectUpdated {
  project: string
  name: string
}
/**
 * Reads a room's past, newest stretch first.
 */
export interface RoomHistory {
  room: string
  before?: number | null
  limit?: number
}
/**
 * Enters a room, or comes back to it from the position `since`.
 */
export interface RoomJoin {
  room: string
  since?: Since | null
}
/**
 * Answers room:join. `state` is as of `seq`, and absent when everything missed follows as events.
 */
export interface RoomJoined {
  room: string
  epoch: string
  seq: number
  recovered: string
  members: unknown[]
  role: string
  permissions: string[]
  state?: {
    [k: string]: unknown
  }
}
/**
 * Leaves a room.
 */
export interface RoomLeave {
  room: string
}
/**
 * Answers room:leave.
 */
export interface RoomLeft {
  room: string
}
/**
 * Asks whether the client is there: it sends a pong with the same `id`.
 */
export interface ServerPing {
  type: string
  id: string
}
/**
 * Answers a ping, with its `id`.
 */
export interface ServerTime {
  server_time: string
}
/**
 * Answers a command about a session: the session as it is now.
 */
export interface SessionAnswer {
  id: string
  session: SessionInfo
}
/**
 * A session as its members see it.
 */
export interface SessionInfo {
  id: string
  project: string
  name: string
  status: string
  settings: Settings
  tags: string[]
  created_by: string | null
  created_at: string
  ended_at: string | null
}
/**
 * A session's settings and their defaults.
 */
export interface Settings {
  max_participants?: number
  allow_anonymous?: boolean
  require_approval?: boolean
  enable_cursor_sharing?: boolean
  enable_voice_chat?: boolean
  enable_video_chat?: boolean
  auto_save?: boolean
  auto_save_interval?: number
  conflict_resolution?: 'last_write_wins' | 'merge' | 'reject'
}
/**
 * `collaboration:session:updated`, `:paused`, `:resumed` and `:ended`, in the session's and the project's room.
 */
export interface SessionChanged {
  session: SessionInfo
}
/**
 * Opens a session in a project; settings that are not named have their defaults.
 */
export interface SessionCreate {
  project: string
  name?: string
  settings?: SettingsChange
  /**
   * @maxItems 20
   */
  tags?:
    | []
    | [string]
    | [string, string]
    | [string, string, string]
    | [string, string, string, string]
    | [string, string, string, string, string]
    | [string, string, string, string, string, string]
    | [string, string, string, string, string, string, string]
    | [string, string, string, string, string, string, string, string]
    | [string, string, string, string, string, string, string, string, string]
    | [string, string, string, string, string, string, string, string, string, string]
    | [string, string, string, string, string, string, string, string, string, string, string]
    | [string, string, string, string, string, string, string, string, string, string, string, string]
    | [string, string, string, string, string, string, string, string, string, string, string, string, string]
    | [string, string, string, string, string, string, string, string, string, string, string, string, string, string]
    | [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string
      ]
    | [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string
      ]
    | [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string
      ]
    | [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string
      ]
    | [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string
      ]
    | [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string
      ]
}
/**
 * Those of a session's settings that are to change.
 */
export interface SettingsChange {
  max_participants?: number
  allow_anonymous?: boolean
  require_approval?: boolean
  enable_cursor_sharing?: boolean
  enable_voice_chat?: boolean
  enable_video_chat?: boolean
  auto_save?: boolean
  auto_save_interval?: number
  conflict_resolution?: 'last_write_wins' | 'merge' | 'reject'
}
/**
 * `collaboration:session:created`, in the project's room.
 */
export interface SessionCreated {
  session: SessionInfo
}
/**
 * Ends a session for good.
 */
export interface SessionEnd {
  session: string
  reason?: string
}
/**
 * Makes a session read-only until it is resumed.
 */
export interface SessionPause {
  session: string
  reason?: string
}
/**
 * Makes a paused session writable again.
 */
export interface SessionResume {
  session: string
  reason?: string
}
/**
 * Changes a session's name, tags, or those settings that are named.
 */
export interface SessionUpdate {
  session: string
  name?: string | null
  settings?: SettingsChange1
  tags?:
    | []
    | [string]
    | [string, string]
    | [string, string, string]
    | [string, string, string, string]
    | [string, string, string, string, string]
    | [string, string, string, string, string, string]
    | [string, string, string, string, string, string, string]
    | [string, string, string, string, string, string, string, string]
    | [string, string, string, string, string, string, string, string, string]
    | [string, string, string, string, string, string, string, string, string, string]
    | [string, string, string, string, string, string, string, string, string, string, string]
    | [string, string, string, string, string, string, string, string, string, string, string, string]
    | [string, string, string, string, string, string, string, string, string, string, string, string, string]
    | [string, string, string, string, string, string, string, string, string, string, string, string, string, string]
    | [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string
      ]
    | [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string
      ]
    | [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string
      ]
    | [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string
      ]
    | [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string
      ]
    | [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string
      ]
    | null
}
/**
 * Those of a session's settings that are to change.
 */
export interface SettingsChange1 {
  max_participants?: number
  allow_anonymous?: boolean
  require_approval?: boolean
  enable_cursor_sharing?: boolean
  enable_voice_chat?: boolean
  enable_video_chat?: boolean
  auto_save?: boolean
  auto_save_interval?: number
  conflict_resolution?: 'last_write_wins' | 'merge' | 'reject'
}
/**
 * Those of a session's settings that are to change.
 */
export interface SettingsChange2 {
  max_participants?: number
  allow_anonymous?: boolean
  require_approval?: boolean
  enable_cursor_sharing?: boolean
  enable_voice_chat?: boolean
  enable_video_chat?: boolean
  auto_save?: boolean
  auto_save_interval?: number
  conflict_resolution?: 'last_write_wins' | 'merge' | 'reject'
}
/**
 * Tells a session, or some of its users, something that need not be kept: typing, WebRTC offers.
 */
export interface SignalSend {
  session: string
  name: string
  payload?: {
    [k: string]: unknown
  }
  to?: string[] | null
}
/**
 * `collaboration:signal:sent`: ephemeral; `to` is set when it was not for everybody.
 */
export interface SignalSent {
  session: string
  name: string
  payload?: {
    [k: string]: unknown
  }
  to?: string[] | null
}
/**
 * The connection's token is about to expire: `auth:refresh` gives another, and otherwise the socket closes 4401.
 */
export interface TokenExpiring {
  token_expires_at: string
}
/**
 * Answers auth:refresh.
 */
export interface TokenTaken {
  token_expires_at: string
}
/**
 * Answers a command about a version.
 */
export interface VersionAnswer {
  id: string
  version: VersionInfo
}
/**
 * A version of a document as of its event `seq`; an `automatic` one was made by the clock and has no title.
 *
 *     `created_by` named it, or edited last before the clock made it; `size` is its content's, in bytes.
 */
export interface VersionInfo {
  id: string
  seq: number
  title: string
  automatic: boolean
  content_hash: string
  size: number
  created_by: string | null
  author: string
  created_at: string
}
/**
 * `collaboration:document:version:created`, and `:restored`, which the edits that do so follow, if any do.
 */
export interface VersionChanged {
  document: string
  version: VersionInfo
}
/**
 * Keeps what is in a document now as a version with a name.
 */
export interface VersionCreate {
  document: string
  title: string
}
/**
 * Makes a document what it was in a version, by edits like everybody's; what is in it now is kept as a version.
 */
export interface VersionRestore {
  document: string
  version: string
}
/**
 * Answers a hello: the capabilities that both sides have.
 */
export interface Welcome {
  capabilities: string[]
}

/** What each command takes. */
export interface Commands {
  'approval:bypass': ApprovalBypass
  'approval:cancel': ApprovalCancel
  'approval:comment': ApprovalComment
  'approval:decide': ApprovalDecide
  'approval:delegate': ApprovalDelegate
  'approval:request': ApprovalRequest
  'approval:resolve': ApprovalResolve
  'auth:refresh': AuthRefresh
  'collaboration:cursor:move': CursorMove
  'collaboration:document:attribution': DocumentAttribution
  'collaboration:document:create': DocumentCreate
  'collaboration:document:delete': DocumentDelete
  'collaboration:document:rename': DocumentRename
  'collaboration:document:sync': DocumentSync
  'collaboration:document:update': DocumentUpdate
  'collaboration:document:version:create': VersionCreate
  'collaboration:document:version:restore': VersionRestore
  'collaboration:message:send': MessageSend
  'collaboration:participant:admit': ParticipantAdmit
  'collaboration:participant:deny': ParticipantDeny
  'collaboration:participant:remove': ParticipantRemove
  'collaboration:participant:role': ParticipantRole
  'collaboration:session:create': SessionCreate
  'collaboration:session:end': SessionEnd
  'collaboration:session:pause': SessionPause
  'collaboration:session:resume': SessionResume
  'collaboration:session:update': SessionUpdate
  'collaboration:signal:send': SignalSend
  'hello': Hello
  'notification:preferences': NotificationPreferences
  'notification:read': NotificationsMark
  'notification:subscribe': NotificationSubscribe
  'notification:unsubscribe': NotificationUnsubscribe
  'ping': Ping
  'pong': Pong
  'project:broadcast': ProjectBroadcast
  'room:history': RoomHistory
  'room:join': RoomJoin
  'room:leave': RoomLeave
}

/** What each command's ack holds. */
export interface Acks {
  'approval:bypass': ApprovalAnswer
  'approval:cancel': ApprovalAnswer
  'approval:comment': ApprovalAnswer
  'approval:decide': ApprovalAnswer
  'approval:delegate': ApprovalAnswer
  'approval:request': ApprovalAnswer
  'approval:resolve': ApprovalAnswer
  'auth:refresh': TokenTaken
  'collaboration:cursor:move': Record<string, unknown>
  'collaboration:document:attribution': DocumentAttributed
  'collaboration:document:create': DocumentAnswer
  'collaboration:document:delete': DocumentAnswer
  'collaboration:document:rename': DocumentAnswer
  'collaboration:document:sync': DocumentSynced
  'collaboration:document:update': Record<string, unknown>
  'collaboration:document:version:create': VersionAnswer
  'collaboration:document:version:restore': VersionAnswer
  'collaboration:message:send': Record<string, unknown>
  'collaboration:participant:admit': ParticipantAnswer
  'collaboration:participant:deny': ParticipantAnswer
  'collaboration:participant:remove': ParticipantAnswer
  'collaboration:participant:role': ParticipantAnswer
  'collaboration:session:create': SessionAnswer
  'collaboration:session:end': SessionAnswer
  'collaboration:session:pause': SessionAnswer
  'collaboration:session:resume': SessionAnswer
  'collaboration:session:update': SessionAnswer
  'collaboration:signal:send': Record<string, unknown>
  'hello': Welcome
  'notification:preferences': PreferencesInfo
  'notification:read': NotificationsMarked
  'notification:subscribe': NotificationsSubscribed
  'notification:unsubscribe': Record<string, unknown>
  'ping': Record<string, unknown>
  'pong': Record<string, unknown>
  'project:broadcast': Record<string, unknown>
  'room:history': History
  'room:join': RoomJoined
  'room:leave': RoomLeft
}

/** What each numbered event holds. */
export interface Events {
  'approval:cancelled': ApprovalChanged
  'approval:commented': ApprovalCommented
  'approval:decided': ApprovalDecided
  'approval:escalated': ApprovalChanged
  'approval:expired': ApprovalChanged
  'approval:reminded': ApprovalChanged
  'approval:requested': ApprovalChanged
  'approval:updated': ApprovalUpdated
  'collaboration:document:created': DocumentChanged
  'collaboration:document:deleted': DocumentDeleted
  'collaboration:document:renamed': DocumentChanged
  'collaboration:document:updated': DocumentUpdated
  'collaboration:document:version:created': VersionChanged
  'collaboration:document:version:restored': VersionChanged
  'collaboration:message:sent': MessageSent
  'collaboration:participant:joined': ParticipantJoined
  'collaboration:participant:left': ParticipantLeft
  'collaboration:participant:removed': ParticipantRemoved
  'collaboration:participant:requested': ParticipantJoined
  'collaboration:participant:updated': ParticipantUpdated
  'collaboration:session:created': SessionCreated
  'collaboration:session:ended': SessionChanged
  'collaboration:session:paused': SessionChanged
  'collaboration:session:resumed': SessionChanged
  'collaboration:session:updated': SessionChanged
  'notification:created': NotificationCreated
  'notification:read': NotificationRead
  'notification:skipped': NotificationSkipped
  'project:broadcast': BroadcastSent
  'project:member:added': MemberChanged
  'project:member:removed': MemberChanged
  'project:member:updated': MemberChanged
  'project:updated': ProjectUpdated
}

/** What each event holds that has no number. */
export interface Ephemerals {
  'collaboration:cursor:moved': CursorsMoved
  'collaboration:signal:sent': SignalSent
}

/** What each frame holds that belongs to no room. */
export interface Notices {
  'connected': Connected
  'pong': ServerTime
  'auth:expiring': TokenExpiring
  'server.draining': Draining
}

/** What the server may answer to a command, or say of a connection. */
export type ErrorCode =
  | 'auth.invalid'
  | 'auth.expired'
  | 'auth.revoked'
  | 'auth.identity_change'
  | 'msg.bad_json'
  | 'msg.bad_envelope'
  | 'msg.unknown_type'
  | 'msg.unknown_field'
  | 'msg.missing_field'
  | 'msg.bad_value'
  | 'msg.bad_number'
  | 'msg.bad_text'
  | 'msg.too_deep'
  | 'msg.duplicate_key'
  | 'msg.id_conflict'
  | 'perm.denied'
  | 'room.not_found'
  | 'room.not_joined'
  | 'session.not_found'
  | 'session.full'
  | 'session.paused'
  | 'session.ended'
  | 'session.join_pending'
  | 'session.last_owner'
  | 'participant.not_found'
  | 'invitation.invalid'
  | 'doc.not_found'
  | 'doc.conflict'
  | 'doc.update_rejected'
  | 'doc.bad_state_vector'
  | 'doc.too_large'
  | 'doc.read_only'
  | 'cursor.disabled'
  | 'cursor.invalid'
  | 'approval.not_found'
  | 'approval.already_decided'
  | 'approval.expired'
  | 'approval.stale'
  | 'approval.self_decision'
  | 'approval.not_approver'
  | 'rate.limited'
  | 'quota.exceeded'
  | 'storage.unavailable'
  | 'storage.busy'
  | 'server.draining'
  | 'internal'

/** What the server closes connections with. */
export const CLOSE_CODES = {
  normal: 1000,
  bad_protocol: 4400,
  unauthenticated: 4401,
  forbidden: 4403,
  gone: 4404,
  unsupported_version: 4406,
  session_ended: 4410,
  too_many_connections: 4412,
  too_large: 4413,
  too_many_invalid: 4422,
  account_disabled: 4423,
  internal: 4500,
  draining: 4503,
  database_unavailable: 4504,
  over_capacity: 4507,
  hello_timeout: 4508,
  heartbeat_timeout: 4509,
  position_lost: 4510,
  slow_consumer: 4511,
  rate_limited: 4529
} as const
