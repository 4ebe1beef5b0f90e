import { useState } from 'preact/hooks'
import { rest } from '../identity.js'
import { Dialog } from '../ui/dialog.js'
import { Field, Form } from '../ui/form.js'
import { Icon } from '../ui/icons.js'
import { tell } from '../ui/notices.js'

const LINKED = ['participant', 'observer', 'moderator']

/** Lets others in: by a link that needs no account, or as members of the project. */
export function Share ({ session, project, close }: { session: string, project: string, close: () => void }) {
  const [link, setLink] = useState<string | null>(null)
  const copy = async (text: string): Promise<void> => {
    await navigator.clipboard.writeText(text)
    tell('The link is copied.')
  }
  return <Dialog title="Share" close={close}>
    <section class="form">
      <h3>By link</h3>
      <p class="quiet small">Whoever has the link comes in with this role, without an account where the session allows guests.</p>
      {link === null
        ? <Form action="Make a link" send={async ({ role, guests }) => {
          if (guests === 'on') await rest.patch(`sessions/${session}/`, { settings: { allow_anonymous: true } })
          setLink((await rest.post<{ link: string }>(`sessions/${session}/invitations/`, { role })).link)
        }}>
          <label class="field"><span>Role</span><select class="input" name="role">{LINKED.map(role => <option key={role}>{role}</option>)}</select></label>
          <label class="row"><input type="checkbox" name="guests" checked />Let guests in, who have no account</label>
        </Form>
        : <div class="row">
          <input class="input grow" readOnly value={link} aria-label="Link" onFocus={event => event.currentTarget.select()} />
          <button class="button primary" onClick={() => { void copy(link) }}><Icon name="share" />Copy</button>
        </div>}
    </section>
    <section class="form apart">
      <h3>Add a member to the project</h3>
      <Form action="Add" send={async ({ user, role }) => {
        await rest.post(`projects/${project}/members/`, { user, role })
        tell(`${user} is a member now.`)
      }}>
        <Field label="User name" name="user" required />
        <label class="field"><span>Role</span><select class="input" name="role">{LINKED.map(role => <option key={role}>{role}</option>)}</select></label>
      </Form>
    </section>
  </Dialog>
}
