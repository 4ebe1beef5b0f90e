/** What a user is told, and how, as REST has it. */

export type Channel = 'in_app' | 'email'

export interface Kind { kind: string, title: string, channels: Channel[], default: Channel[], must_act: boolean }

export interface Preferences {
  kinds: Kind[]
  /** What the user said of kinds, or of patterns of them. */
  patterns: Record<string, Channel[]>
  mail_after: number
  mutes: Array<{ scope: string, until: string | null }>
}
