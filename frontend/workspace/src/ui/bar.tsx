import type { ComponentChildren } from 'preact'
import { me, signOut } from '../identity.js'
import { paths } from '../router.js'
import { Avatar } from './avatar.js'
import { Connection } from './connection.js'
import { Icon, Mark } from './icons.js'
import { complain } from './notices.js'
import { theme, turn } from './theme.js'

/** The top of every page: where one is, who is here, and whether it is live. */
export function Bar ({ children, end }: { children?: ComponentChildren, end?: ComponentChildren }) {
  const who = me.value
  return <header class="bar">
    <a class="brand" href={paths.home}><Mark /><span>BDUF</span><span class="visually-hidden">: all projects</span></a>
    <nav class="crumbs" aria-label="Where you are">{children}</nav>
    <div class="end">
      <Connection />
      {end}
      <button class="button bare" onClick={turn} aria-label={theme.value === 'dark' ? 'Light colours' : 'Dark colours'}>
        <Icon name={theme.value === 'dark' ? 'sun' : 'moon'} />
      </button>
      {who != null && <details class="menu">
        <summary class="button bare"><Avatar user={who.id} name={who.name} kind={who.kind} /><span class="visually-hidden">Account of {who.name}</span></summary>
        <div>
          <p><strong>{who.name}</strong><br /><span class="quiet small">{who.username}</span></p>
          {who.is_staff && <a class="button bare" href="/admin/" target="_blank">Admin</a>}
          <a class="button bare" href="/start/" target="_blank">For developers</a>
          <button class="button bare" onClick={() => { signOut().catch(complain) }}>Sign out</button>
        </div>
      </details>}
    </div>
  </header>
}
