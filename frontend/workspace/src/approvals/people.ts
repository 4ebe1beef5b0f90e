/** Who can be asked to decide: people with an account, in the project; or in the session, for who sees no more. */

import { useEffect, useState } from 'preact/hooks'
import { rest } from '../identity.js'

export interface Candidate { user: string, name: string, kind: string, role: string, guest?: boolean, admission?: string }

export function useCandidates ({ project, session }: { project: string, session: string | null }): Candidate[] | null {
  const [people, setPeople] = useState<Candidate[] | null>(null)
  useEffect(() => {
    const list = (path: string): Promise<{ results: Candidate[] }> => rest.get(`${path}limit=500`)
    list(`projects/${project}/members/?`).catch(() => list(`sessions/${session}/participants/?show=all&`)).then(
      ({ results }) => setPeople(results.filter(({ kind, guest, admission = 'open' }) =>
        kind === 'human' && guest !== true && ['open', 'admitted'].includes(admission))),
      () => setPeople([])
    )
  }, [project, session])
  return people
}
