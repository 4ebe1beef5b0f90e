import { describe, expect, it } from 'vitest'
import { pause, verdict } from '../src/index.js'

describe('a close', () => {
  it('of 4400 to 4499 means to stay away', () => {
    for (const code of [4400, 4403, 4404, 4410, 4412, 4422, 4499]) expect(verdict(code, '').back).toBe(false)
  })

  it('of any other code means to come back', () => {
    for (const code of [1000, 1001, 1006, 1012, 4500, 4503, 4511, 4529]) expect(verdict(code, '')).toMatchObject({ back: true, token: false })
  })

  it('of 4401 means to come back with another token', () => {
    expect(verdict(4401, 'auth.expired')).toEqual({ back: true, token: true, wait: 0 })
  })

  it('says how long to wait', () => {
    expect(verdict(4503, 'server.draining;retry_ms=1500').wait).toBe(1500)
    expect(verdict(4503, 'server.draining').wait).toBe(0)
  })
})

describe('the pause', () => {
  it('is anything up to a limit that doubles until the cap', () => {
    const longest = (tries: number): number => pause(tries, 0, { base: 100, cap: 1_000 }, () => 1)
    expect([0, 1, 2, 3, 4, 50].map(longest)).toEqual([100, 200, 400, 800, 1_000, 1_000])
    expect(pause(3, 0, { base: 100, cap: 1_000 }, () => 0)).toBe(0)
  })

  it('comes on top of what the server asks for', () => {
    expect(pause(0, 2_000, { base: 100, cap: 1_000 }, () => 0.5)).toBe(2_050)
  })
})
