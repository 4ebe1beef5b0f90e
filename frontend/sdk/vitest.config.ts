import { defineConfig } from 'vitest/config'

// With a server to talk to, the tests that need one; else those that need none.
const live = process.env['SERVER_URL'] !== undefined

export default defineConfig({
  test: { include: live ? ['test/live/*.test.ts'] : ['test/*.test.ts'], testTimeout: 20_000 }
})
