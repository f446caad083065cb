// When a command that runs on is to stop: signals, and the end of the npm that started it.
import { fstatSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const
/** A second signal ends the process at once, but not the copy of a first one that npm or a terminal sends along. */
const FORCE_AFTER_MS = 1000
const PARENT_CHECK_MS = 500
/** Who started us may be gone by the same hang-up that was ignored here. */
const HANGUP_TOGETHER_MS = 5000

let toldToStop = false

export const HANGUP_CHOICES = ['auto', 'stop', 'ignore'] as const
export type OnHangup = (typeof HANGUP_CHOICES)[number]

/** Commands that end in order at a signal. The others have nothing to put in order. */
const RUN_ON = ['record', 'serve', 'simulate', 'tail']
const held: NodeJS.Signals[] = []
const hold = (signal: NodeJS.Signals): void => void held.push(signal)

/**
 * Keeps the signals that come while the program is still being loaded, for onStop(): one that nohup wants ignored must not
 * end it even then.
 */
export function holdSignals(command: string | undefined): void {
  if (command === undefined || !RUN_ON.includes(command)) return
  for (const signal of [...STOP_SIGNALS, 'SIGHUP'] as const) process.on(signal, hold)
}

/**
 * Calls `stop` once, with the reason in words: SIGINT, SIGTERM, SIGHUP (unless it is to be ignored), or the end of the npm
 * that started the process, which passes no signal on. A second SIGINT or SIGTERM ends the process at once.
 */
export function onStop(stop: (reason: string) => void, onHangup: OnHangup = 'auto'): void {
  let stoppedAt: number | undefined
  let hungUpAt = Number.NEGATIVE_INFINITY
  const begin = (reason: string): void => {
    if (stoppedAt !== undefined) return
    stoppedAt = performance.now()
    toldToStop = true
    stop(reason)
  }
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      if (stoppedAt === undefined) return begin(signal)
      if (performance.now() - stoppedAt < FORCE_AFTER_MS) return
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    })
  }
  const ignores = onHangup === 'ignore' || (onHangup === 'auto' && hangupWasIgnored())
  process.on('SIGHUP', () => {
    hungUpAt = performance.now()
    if (!ignores) begin('SIGHUP')
  })
  for (const signal of [...STOP_SIGNALS, 'SIGHUP'] as const) process.off(signal, hold)
  // In a turn of its own: whoever asks is not ready yet.
  if (held.some((signal) => signal !== 'SIGHUP' || !ignores)) setImmediate(begin, held[0] as string)
  watchNpm(() => {
    if (performance.now() - hungUpAt > HANGUP_TOGETHER_MS) begin('the npm that started it is gone')
  })
}

/** Somebody has asked for the end of the command. */
export function wasToldToStop(): boolean {
  return toldToStop
}

/**
 * Whether this process was started with SIGHUP ignored, as nohup does it. Node sets all signals back when it starts, so what
 * nohup leaves elsewhere has to tell: its name in `_`, which shells set for the command that they start; standard input that
 * it opened for writing only; a parent that ignores the signal itself, and so has passed it on.
 */
export function hangupWasIgnored(): boolean {
  return basename(process.env._ ?? '') === 'nohup' || inputIsNohups() || ignoresHangup(process.ppid)
}

function inputIsNohups(): boolean {
  try {
    if (!fstatSync(0).isCharacterDevice() || readlinkSync('/proc/self/fd/0') !== '/dev/null') return false
    const flags = /^flags:\s+(\d+)/m.exec(readFileSync('/proc/self/fdinfo/0', 'latin1'))
    const O_ACCMODE = 3
    const O_WRONLY = 1
    return flags !== null && (Number.parseInt(flags[1] as string, 8) & O_ACCMODE) === O_WRONLY
  } catch {
    return false
  }
}

function ignoresHangup(pid: number): boolean {
  try {
    const ignored = /^SigIgn:\s+([0-9a-f]+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
    const SIGHUP_BIT = 1n
    return ignored !== null && (BigInt(`0x${ignored[1]}`) & SIGHUP_BIT) !== 0n
  } catch {
    return false
  }
}

/**
 * npm starts a shell that starts us, and ends at a signal without passing it on. Both then have another parent. The process
 * itself was told to stop by whoever ended npm: `kill` of the `npx` that a script has started.
 */
function watchNpm(gone: () => void): void {
  if (process.env.npm_command === undefined && process.env.npm_lifecycle_event === undefined) return
  const parent = process.ppid
  const grandparent = isShell(parent) ? parentOf(parent) : undefined
  const timer = setInterval(() => {
    if (process.ppid === parent && (grandparent === undefined || parentOf(parent) === grandparent)) return
    clearInterval(timer)
    gone()
  }, PARENT_CHECK_MS)
  timer.unref()
}

function isShell(pid: number): boolean {
  try {
    return /^(sh|dash|bash|ash|zsh|ksh|busybox)\n?$/.test(readFileSync(`/proc/${pid}/comm`, 'latin1'))
  } catch {
    return false
  }
}

function parentOf(pid: number): number | undefined {
  try {
    // The name in parentheses may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return undefined
  }
}
