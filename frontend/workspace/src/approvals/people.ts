/** Who can be asked to decide: people with an account, in the project. */

import { useEffect, useState } from 'preact/hooks'
import { rest } from '../identity.js'

export interface Candidate { user: string, name: string, kind: string, role: string }

export function useCandidates (project: string): Candidate[] | null {
  const [people, setPeople] = useState<Candidate[] | null>(null)
  useEffect(() => {
    rest.get<{ results: Candidate[] }>(`projects/${project}/members/?limit=500`).then(
      ({ results }) => setPeople(results.filter(({ kind }) => kind === 'human')),
      () => setPeople([]) // who was invited to a session alone does not see the project's
    )
  }, [project])
  return people
}
