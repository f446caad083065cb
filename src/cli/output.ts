// What a person sees: errors with a hint, progress on a terminal, silence in a pipe, one JSON document with --json.
import { asTickforgeError } from '../errors.ts'

/** Prints an error as people need it and sets the exit code of its kind. */
export function reportError(thrown: unknown): void {
  const error = asTickforgeError(thrown)
  process.stderr.write(`tickforge: ${error.code}: ${error.message}\n`)
  process.stderr.write(`  what to do: ${error.hint}\n`)
  if (error.code === 'TF_INTERNAL' && error.cause instanceof Error) process.stderr.write(`${error.cause.stack ?? ''}\n`)
  process.exitCode = error.exitCode
}

export function warn(message: string): void {
  clearProgress()
  process.stderr.write(`tickforge: ${message}\n`)
}

/** One JSON document; bigints become strings, which lose nothing. */
export function printJson(value: unknown): void {
  process.stdout.write(`${toJson(value, 2)}\n`)
}

/** One line of JSON, for whoever follows a command that runs on. */
export function printLine(value: unknown): void {
  process.stdout.write(`${toJson(value)}\n`)
}

export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? v.toString() : v), indent)
}

/**
 * Writes text to standard output and waits while the pipe is full. Resolves false when whoever read it is gone (`| head`).
 */
export async function print(text: string): Promise<boolean> {
  if (process.stdout.destroyed || process.stdout.writableEnded) return false
  if (process.stdout.write(text)) return !closed
  await new Promise<void>((resolve) => {
    const done = (): void => {
      process.stdout.off('drain', done)
      process.stdout.off('close', done)
      process.stdout.off('error', done)
      resolve()
    }
    process.stdout.once('drain', done)
    process.stdout.once('close', done)
    process.stdout.once('error', done)
  })
  return !closed
}

let closed = false
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  closed = true
})

const PROGRESS_MS = 200
let shown = false
let shownAt = 0

/** Replaces the progress line, on a terminal only, at most five times a second and not in the first one. */
export function progress(text: string, startedAt: number): void {
  const now = performance.now()
  if (process.stderr.isTTY !== true || now - startedAt < 1000 || now - shownAt < PROGRESS_MS) return
  shownAt = now
  shown = true
  process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`)
}

export function clearProgress(): void {
  if (!shown) return
  shown = false
  process.stderr.write('\r\x1b[K')
}

/** A progress line that shows a share. */
export function shareProgress(what: string): (done: number) => void {
  const startedAt = performance.now()
  return (done) => progress(`${what} ${(done * 100).toFixed(0)} %`, startedAt)
}

/** Columns of text, the first ones left-aligned, those of `right` right-aligned. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: ReadonlySet<number>,
): string {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)))
  const line = (row: readonly string[]): string =>
    row
      .map((text, i) => (right.has(i) ? text.padStart(widths[i] as number) : text.padEnd(widths[i] as number)))
      .join('  ')
      .trimEnd()
  return `${[header, ...rows].map(line).join('\n')}\n`
}

const COUNT = new Intl.NumberFormat('en-US')

export function count(value: number | bigint): string {
  return COUNT.format(value)
}

/** Bytes with a unit of 1024: '12.3 MiB'. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  let amount = value
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024
    unit++
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit]}`
}
