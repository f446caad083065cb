// `npm run test:crash`: real processes, killed with SIGKILL at random moments. `-- 10000` sets how often; TICKFORGE_CRASH_SEED
// repeats a run.
import { spawnSync } from 'node:child_process'
import { ROOT } from './lib/paths.mjs'

const [rounds = '200', ...rest] = process.argv.slice(2)
if (!/^[1-9]\d*$/.test(rounds)) {
  process.stderr.write(`npm run test:crash -- ROUNDS: '${rounds}' is no count\n`)
  process.exit(2)
}
const { status } = spawnSync(process.execPath, [`${ROOT}/scripts/test.mjs`, '--group', 'crash', ...rest], {
  stdio: 'inherit',
  env: { ...process.env, TICKFORGE_CRASH_ROUNDS: rounds },
})
process.exitCode = status ?? 1
