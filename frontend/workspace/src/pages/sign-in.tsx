import { signIn } from '../identity.js'
import { Field, Form } from '../ui/form.js'
import { Mark } from '../ui/icons.js'

// The server has one where `seed` has made it.
const demo = document.getElementById('app')?.dataset['demo'] === 'yes'

export function SignIn () {
  return <main class="sign-in"><div>
    <header>
      <Mark />
      <h1>Design together, then build</h1>
      <p class="quiet">Write architecture documents with people and agents, live, and sign them off.</p>
    </header>
    <div class="card">
      <Form action="Sign in" send={({ username = '', password = '' }) => signIn(username, password)}>
        <Field label="User name" name="username" autocomplete="username" required autofocus />
        <Field label="Password" name="password" type="password" autocomplete="current-password" required />
      </Form>
    </div>
    {demo && <p class="quiet small">The demo's names and passwords are printed by <code>make run</code>, and kept in <code>var/demo.json</code>.</p>}
    <p class="quiet small"><a href="/start/">For developers</a></p>
  </div></main>
}
