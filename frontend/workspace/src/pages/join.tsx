import { accept, me } from '../identity.js'
import { go, paths } from '../router.js'
import { Field, Form } from '../ui/form.js'
import { Mark } from '../ui/icons.js'

/** What an invitation's link opens: as who is signed in, or as a guest with a name. */
export function Join ({ token }: { token: string }) {
  const who = me.value
  return <main class="sign-in"><div>
    <header>
      <Mark />
      <h1>You are invited</h1>
      <p class="quiet">{who == null ? 'Say your name, and you are in: no account is needed.' : `You come in as ${who.name}.`}</p>
    </header>
    <div class="card">
      <Form action="Join the session" send={async ({ name = '' }) => { go(paths.session(await accept(token, name)), { replace: true }) }}>
        {who == null && <Field label="Your name" name="name" autocomplete="name" maxlength={80} required autofocus />}
      </Form>
    </div>
    {who == null && <p class="quiet small">You have an account? <a href="/">Sign in</a>, and open the link again.</p>}
  </div></main>
}
