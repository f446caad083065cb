// Counts the system calls of a program with what the machine has: perf, which only counts, or strace, which also slows down.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Each makes `file` say how many system calls all threads of a command made. */
const COUNTERS = [
  {
    name: 'perf',
    command: (file) => ['perf', 'stat', '-x', ';', '-o', file, '-e', 'raw_syscalls:sys_enter', '--'],
    read: (text) => Number(text.match(/^(\d+);[^;]*;raw_syscalls:sys_enter/m)?.[1]),
  },
  {
    name: 'strace',
    command: (file) => ['strace', '-f', '-c', '-o', file],
    read: (text) => Number(text.match(/^\s*100\.00\s+\S+\s+(?:\d+\s+)?(\d+)\s+(?:\d+\s+)?total$/m)?.[1]),
  },
]

function count(counter, program, args) {
  const directory = mkdtempSync(join(tmpdir(), 'tickforge-calls-'))
  try {
    const file = join(directory, 'counts')
    const [tool, ...before] = counter.command(file)
    const { status } = spawnSync(tool, [...before, program, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
    return status === 0 ? counter.read(readFileSync(file, 'utf8')) : Number.NaN
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** `{ name, count(program, args) }` of the first counter that works here; undefined when none does. */
export function systemCallCounter() {
  const working = COUNTERS.find((counter) => {
    const [tool] = counter.command('')
    return spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0 && count(counter, 'true', []) > 0
  })
  if (working === undefined) return undefined
  return {
    name: working.name,
    count(program, args) {
      const calls = count(working, program, args)
      if (!(calls > 0)) throw new Error(`${working.name} counted no system calls of ${program}`)
      return calls
    },
  }
}
