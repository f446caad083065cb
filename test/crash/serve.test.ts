// `tickforge serve`, killed with SIGKILL at random moments while clients wait for acknowledgements, and started again.
// TICKFORGE_CRASH_ROUNDS sets how often (`npm run test:crash -- 10000`), TICKFORGE_CRASH_SEED repeats a run.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Life, type Place } from './life.ts'
import { ROUNDS, SEED } from './rounds.ts'

/** Kills of one directory; then all of it is checked, and another one begins. */
const ROUNDS_OF_A_LIFE = 20
/** Directories at once: a server that starts leaves a core to the others. */
const LANES = 3

const killed = (): Place => ({
  directory: mkdtempSync(join(tmpdir(), 'tickforge-crash-')),
  levels: ['durable', 'written', 'durable', 'durable'],
  mayDamage: false,
  async end(server) {
    server.child.kill('SIGKILL')
    const { stderr } = await server.ended
    expect(server.child.signalCode, stderr).toBe('SIGKILL')
  },
})

describe(`a server that is killed ${ROUNDS} times (seed ${SEED})`, () => {
  it('loses nothing that it acknowledged, keeps the order of each client, and invents nothing', {
    timeout: (ROUNDS + 5) * 20_000,
  }, async () => {
    let next = 0
    const lane = async (): Promise<void> => {
      for (let first = next; first < ROUNDS; first = next) {
        next += ROUNDS_OF_A_LIFE
        const seed = SEED + first
        const place = killed()
        await new Life(place, seed).run(Math.min(ROUNDS_OF_A_LIFE, ROUNDS - first)).catch((error: unknown) => {
          const again = `TICKFORGE_CRASH_SEED=${seed} npm run test:crash -- ${ROUNDS_OF_A_LIFE}`
          throw new Error(`${place.directory} is kept; again: ${again}: ${String(error)}`, { cause: error })
        })
        rmSync(place.directory, { recursive: true })
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
  })
})
