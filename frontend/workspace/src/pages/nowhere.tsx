import { paths } from '../router.js'
import { Bar } from '../ui/bar.js'

export function Nowhere () {
  return <>
    <Bar />
    <main class="page"><div class="empty">
      <strong>There is nothing here</strong>
      <p>The address may be incomplete, or what was here is gone.</p>
      <a class="button" href={paths.home}>All projects</a>
    </div></main>
  </>
}
