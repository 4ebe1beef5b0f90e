import type { ComponentChildren } from 'preact'
import { Bell } from '../inbox/bell.js'
import { me, signOut } from '../identity.js'
import { kept, unsaved } from '../realtime.js'
import { paths } from '../router.js'
import { Avatar } from './avatar.js'
import { Connection } from './connection.js'
import { Icon, Mark } from './icons.js'
import { Menu } from './menu.js'
import { complain } from './notices.js'
import { ask } from './question.js'
import { theme, turn } from './theme.js'
import { edits } from './words.js'

/** Signs out; where something is not saved, not without a question. */
function leave (): void {
  const { count } = unsaved.value
  const out = (): void => { signOut().catch(complain) }
  if (count === 0) return out()
  const then = kept() === count ? 'Only you can send that, when you sign in here again.' : 'What is not saved may be lost.'
  ask(`${edits(count, kept(), 'on this page')} ${then}`, 'Sign out', out)
}

/** The top of every page: where one is, who is here, and whether it is live. */
export function Bar ({ children, end }: { children?: ComponentChildren, end?: ComponentChildren }) {
  const who = me.value
  return <header class="bar">
    <a class="brand" href={paths.home}><Mark /><span>BDUF</span><span class="visually-hidden">: all projects</span></a>
    <nav class="crumbs" aria-label="Where you are">{children}</nav>
    <div class="end">
      <Connection />
      {end}
      {who != null && <Bell />}
      {who != null && <Menu summary={<><Avatar user={who.id} name={who.name} kind={who.kind} /><span class="visually-hidden">Account of {who.name}</span></>}>
        <p><strong>{who.name}</strong><br /><span class="quiet small">{who.username}</span></p>
        <button class="button bare" onClick={turn}>
          <Icon name={theme.value === 'dark' ? 'sun' : 'moon'} />{theme.value === 'dark' ? 'Light colours' : 'Dark colours'}
        </button>
        <a class="button bare" href={paths.preferences}><Icon name="settings" />Preferences</a>
        {who.is_staff && <a class="button bare" href="/admin/" target="_blank"><Icon name="people" />Admin</a>}
        <a class="button bare" href="/start/" target="_blank"><Icon name="document" />For developers</a>
        <button class="button bare" onClick={leave}><Icon name="leave" />Sign out</button>
      </Menu>}
    </div>
  </header>
}
