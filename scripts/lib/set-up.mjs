// Turns a fresh clone into a working project; does nothing, quickly, when that is done. Plain Node, no npm package.
import { SetupError } from './command.mjs'
import { lock } from './lock.mjs'
import { ROOT } from './paths.mjs'
import { timed, whereOf } from './progress.mjs'
import { STEPS, stamps } from './steps.mjs'

const failedStamp = (step) => `${step.name}.failed`

/** Why an optional step could not be done, '' when it was done or not tried. */
export function whyMissing(name) {
  return stamps.read(`${name}.failed`)?.split('\n').slice(1).join('\n') ?? ''
}

/** True when nothing is to do. A failed optional step is left alone until its inputs change or `again` is set. */
function isCurrent(step, inputs, again) {
  if (step.present() && (step.inputs === undefined || stamps.read(step.name) === inputs)) return true
  return step.without !== undefined && !again && stamps.read(failedStamp(step))?.split('\n')[0] === inputs
}

async function perform(step, inputs) {
  try {
    const work = async (tell) => {
      await step.run((text) => tell(whereOf(text)))
      if (!step.present()) throw new SetupError(`${step.name}: done, but its output is not there`)
    }
    await timed(step.label(), work, step.mayAsk?.() ? { write: (text) => process.stdout.write(text) } : process.stdout)
  } catch (error) {
    if (step.without === undefined || !(error instanceof SetupError)) throw error
    stamps.write(failedStamp(step), `${inputs}\n${error.message}`)
    if (error.output !== '') process.stdout.write(`${error.output.trimEnd()}\n`)
    const remedy = `${error.hint === '' ? '' : `${error.hint}; `}\`npm run setup\` tries again`
    process.stdout.write(`set-up: goes on without ${step.without}: ${error.message}; ${remedy}\n`)
    return
  }
  stamps.remove(failedStamp(step))
  if (step.inputs !== undefined) stamps.write(step.name, inputs)
}

/**
 * Does every step that is due, in order. `needs`: what the steps are for beyond the programs ('native', 'python', 'clients').
 * `again`: retry what failed before. `until`: the name of the last step that is needed.
 */
export async function setUp({ needs = [], again = false, until } = {}) {
  requirePlatform()
  const end = until === undefined ? STEPS.length : STEPS.findIndex(({ name }) => name === until) + 1
  const steps = STEPS.slice(0, end).filter((step) => step.for === undefined || needs.includes(step.for))
  const inputsIfDue = (step) => {
    const inputs = step.inputs?.() ?? ''
    return isCurrent(step, inputs, again) ? undefined : inputs
  }
  if (steps.every((step) => inputsIfDue(step) === undefined)) return
  const release = await lock(ROOT, (pid) => process.stdout.write(`set-up: waiting for the one of process ${pid}\n`))
  try {
    for (const step of steps) {
      // Looked at again: the process that was waited for may have done it, an earlier step may have made it due.
      const inputs = inputsIfDue(step)
      if (inputs !== undefined) await perform(step, inputs)
    }
  } finally {
    release()
  }
}

function requirePlatform() {
  if (process.platform !== 'linux') throw new SetupError(`TickForge runs on Linux only, this is ${process.platform}`)
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new SetupError(`Node 20.19 or newer is needed, this is ${process.versions.node}`)
  }
}
