// `npm run test:simulation`: the writer and the recovery on a simulated disk. Arguments as those of native/simulation.
import { spawn } from 'node:child_process'
import { report, run } from './lib/command.mjs'
import { ROOT } from './lib/paths.mjs'
import { setUp } from './lib/set-up.mjs'

const SEEDS = ['--seeds', '10000']

try {
  await setUp()
  await run('cmake', ['--build', 'build/release', '--target', 'tickforge_simulation'])
  const program = `${ROOT}/build/release/tickforge_simulation`
  const args = process.argv.slice(2)
  const child = spawn(program, args.includes('--seeds') ? args : [...SEEDS, ...args], { stdio: 'inherit' })
  child.on('close', (code) => {
    process.exitCode = code ?? 1
  })
} catch (error) {
  report(error)
}
