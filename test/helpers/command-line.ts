// Runs bin/tickforge.mjs as a process of its own, from a dist that is as new as src.
import { type ChildProcess, spawn } from 'node:child_process'
import { lock } from '../../scripts/lib/lock.mjs'
import { ROOT } from '../../scripts/lib/paths.mjs'
import { STEPS, stamps } from '../../scripts/lib/steps.mjs'
import { eventually } from './eventually.ts'

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** The set-up step of `npm test` that compiles src; does nothing when it has done so already. */
async function buildOnce(): Promise<void> {
  const step = STEPS.find(({ name }) => name === 'typescript')
  if (step?.inputs === undefined) throw new Error('set-up has no step that compiles src')
  const current = (): boolean => step.present() && stamps.read(step.name) === step.inputs?.()
  if (current()) return
  const release = await lock(ROOT, () => undefined)
  try {
    if (current()) return
    const inputs = step.inputs()
    try {
      await step.run()
    } catch (error) {
      // What the compiler said is worth more than that it failed.
      throw new Error(`src cannot be compiled:\n${(error as { output?: string }).output ?? String(error)}`)
    }
    stamps.write(step.name, inputs)
  } finally {
    release()
  }
}

let built: Promise<void> | undefined

/** A command that is running. */
export class Running {
  stdout = ''
  stderr = ''
  readonly child: ChildProcess
  readonly ended: Promise<Ended>

  constructor(child: ChildProcess) {
    this.child = child
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => resolve({ code, signal, stdout: this.stdout, stderr: this.stderr }))
    })
  }

  /** Resolves when the command has printed what the pattern matches, on either stream. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    return await eventually(`${pattern} in ${JSON.stringify(this.stderr)}`, () => {
      const found = pattern.exec(this.stdout) ?? pattern.exec(this.stderr)
      if (found === null && this.child.exitCode !== null) throw new Error(`ended before ${pattern}: ${this.stderr}`)
      return found ?? undefined
    })
  }
}

/** Starts `tickforge ARGS`. Nothing of it is a terminal. */
export async function start(args: readonly string[]): Promise<Running> {
  built ??= buildOnce()
  await built
  const child = spawn(process.execPath, [`${ROOT}/bin/tickforge.mjs`, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  return new Running(child)
}

/** Runs `tickforge ARGS` to its end. */
export async function tickforge(...args: string[]): Promise<Ended> {
  return await (await start(args)).ended
}
