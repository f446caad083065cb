// Running other programs: quiet while all goes well, the whole output and the way on when it does not.
import { spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './paths.mjs'

const SHOWN_LINES = 60

/** Ends set-up. `hint` says what the person at the terminal can do next. */
export class SetupError extends Error {
  constructor(message, { output = '', hint = '' } = {}) {
    super(message)
    this.output = output
    this.hint = hint
  }
}

/** Prints a SetupError for a person, and sets the exit code. Anything else is a defect and is thrown on. */
export function report(error) {
  if (!(error instanceof SetupError)) throw error
  if (error.output !== '') process.stderr.write(`${error.output.trimEnd()}\n`)
  process.stderr.write(`\nset-up stopped: ${error.message}\n${error.hint === '' ? '' : `${error.hint}\n`}`)
  process.exitCode = 1
}

/**
 * Runs a program in the checkout. Resolves to its output; rejects with a SetupError that holds the end of it.
 * `onText` gets the output as it comes.
 */
export async function run(program, args, { hint = '', env = {}, input = 'ignore', onText = () => {} } = {}) {
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: [input, 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
      onText(text)
    })
  }
  const failure = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) => resolve(code === 0 ? '' : signal === null ? `exit code ${code}` : signal))
  })
  if (failure !== '')
    throw new SetupError(`${[program, ...args].join(' ')} failed (${failure})`, { output: lastLines(output), hint })
  return output
}

/** A compiler says in its last lines what stopped it; what came before is noise on a terminal. */
function lastLines(output) {
  const lines = output.trimEnd().split('\n')
  if (lines.length <= SHOWN_LINES) return output
  return [`(${lines.length - SHOWN_LINES} lines before these)`, ...lines.slice(-SHOWN_LINES)].join('\n')
}

/** True when `program` is an executable file on the PATH. */
export function onPath(program) {
  return (process.env.PATH ?? '').split(':').some((folder) => {
    const file = join(folder, program)
    try {
      accessSync(file, constants.X_OK)
      return statSync(file).isFile()
    } catch {
      return false
    }
  })
}
