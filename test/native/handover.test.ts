// The long version is `npm run test:handover`.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const PROGRAM = fileURLToPath(new URL('../../build/release/tickforge_handover', import.meta.url))

describe('the rings between producers and the writer', () => {
  it.skipIf(!existsSync(PROGRAM))('lose no record and no wake-up, between threads and between processes', () => {
    const lines = execFileSync(PROGRAM, ['4000000'], { encoding: 'utf8' }).trim().split('\n')
    expect(lines).toHaveLength(4)
    for (const line of lines) expect(line).toMatch(/ 1000000 records .* [1-9]\d* sleeps, 0 lost wake-ups, order kept$/)
  })
})
