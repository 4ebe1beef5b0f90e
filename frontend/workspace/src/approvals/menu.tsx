import { useState } from 'preact/hooks'
import type { ApprovalInfo } from '@bduf/realtime'
import { me, rest } from '../identity.js'
import { client } from '../realtime.js'
import { Dialog } from '../ui/dialog.js'
import { Field, Form } from '../ui/form.js'
import { Icon } from '../ui/icons.js'
import { Menu } from '../ui/menu.js'
import { complain } from '../ui/notices.js'
import { useCandidates } from './people.js'
import type { Request } from './requests.js'

interface Props {
  request: Request
  permissions: string[]
  role: string
  changed: (answer: Promise<{ data: { approval: ApprovalInfo } }>) => Promise<void>
}

/** What else may be done with a request: the sign-off sheet for all, the rest for whom it is. */
export function RequestMenu ({ request, permissions, role, changed }: Props) {
  const [open, setOpen] = useState<'delegate' | 'cancel' | 'bypass' | null>(null)
  const { id, state, stages, delegations, policy, requested_by: by } = request
  const mine = me.value?.id ?? ''
  const pending = state === 'pending'
  const seated = delegations.some(({ seat }) => seat.user === mine) || stages.some(({ waiting }) => waiting.some(({ user }) => user === mine))
  const close = (): void => setOpen(null)
  return <>
    <Menu label="Menu of the request" summary={<Icon name="more" />} compact>
      <button class="button bare" onClick={() => { show(id).catch(complain) }}><Icon name="document" />Sign-off sheet</button>
      {pending && seated && <button class="button bare" onClick={() => setOpen('delegate')}><Icon name="people" />Have somebody else decide</button>}
      {pending && (by.user === mine || permissions.includes('manage_participants')) && <button class="button bare" onClick={() => setOpen('cancel')}><Icon name="back" />Take it back</button>}
      {pending && policy.bypass.includes(role) && <button class="button bare danger" onClick={() => setOpen('bypass')}><Icon name="close" />Go without the rest</button>}
    </Menu>
    {open === 'delegate' && <Delegate request={request} mine={mine} close={close} changed={changed} />}
    {open === 'cancel' && <Dialog title="Take the request back" close={close}>
      <Form action="Take it back" send={async ({ reason = '' }) => { await changed(client.send('approval:cancel', { approval: id, reason })); close() }}>
        <Field label="Why (if you like)" name="reason" maxlength={500} autofocus />
      </Form>
    </Dialog>}
    {open === 'bypass' && <Dialog title="Go without the rest" close={close}>
      <p class="quiet">The request ends without the approvals that are missing. Everybody sees who did that and why, and it stays in the audit log.</p>
      <Form action="Go without them" send={async ({ reason = '' }) => { await changed(client.send('approval:bypass', { approval: id, reason })); close() }}>
        <Field label="Why" name="reason" maxlength={500} required autofocus />
      </Form>
    </Dialog>}
  </>
}

function Delegate ({ request: { id, project, session, requested_by: by, delegations }, mine, close, changed }: Omit<Props, 'permissions' | 'role'> & { mine: string, close: () => void }) {
  const people = useCandidates({ project, session })?.filter(({ user }) => user !== mine && user !== by.user) ?? []
  const now = delegations.find(({ seat }) => seat.user === mine)
  return <Dialog title="Have somebody else decide" close={close}>
    {now !== undefined && <p class="row"><span class="grow">{now.to.name} decides for you.</span>
      <button class="button compact" onClick={() => { changed(client.send('approval:delegate', { approval: id, to: mine })).then(close, complain) }}>Decide myself</button></p>}
    <Form action="Hand it over" send={async ({ to = '', until = '' }) => {
      await changed(client.send('approval:delegate', { approval: id, to, ...(until === '' ? {} : { until: new Date(until).toISOString() }) }))
      close()
    }}>
      <label class="field"><span>Who decides for you</span><select class="input" name="to" required>{people.map(({ user, name }) => <option key={user} value={user}>{name}</option>)}</select></label>
      <label class="field"><span>Until (if not for good)</span><input class="input" type="datetime-local" name="until" /></label>
    </Form>
  </Dialog>
}

/** Opens the sheet in a window of its own; that is opened first, for browsers let nobody open one later. */
async function show (approval: string): Promise<void> {
  const sheet = open('', '_blank')
  try {
    const address = URL.createObjectURL(await rest.blob(`approvals/${approval}/sheet/?as=html`))
    if (sheet === null) location.assign(address)
    else sheet.location.href = address
  } catch (error) {
    sheet?.close()
    throw error
  }
}
