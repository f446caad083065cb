// What a person sees: errors with a hint, progress on a terminal, silence in a pipe, one JSON document with --json.
import stringWidth from 'string-width'
import { asTickforgeError, TickforgeError } from '../errors.ts'
import { MessageOutlet, Outlet } from './outlet.ts'
import { printable, printableJson } from './printable.ts'

const output = new Outlet(1)
const messages = new MessageOutlet(new Outlet(2))

/** A command that was told to stop waits this long for who reads it. */
const LAST_WORDS_MS = 2000

/** Prints an error as people need it and sets the exit code of its kind. */
export function reportError(thrown: unknown, hint?: string): void {
  const error = asTickforgeError(thrown)
  clearProgress()
  let text = `tickforge: ${error.code}: ${printable(error.message)}\n  what to do: ${hint ?? error.hint}\n`
  if (error.code === 'TF_INTERNAL' && error.cause instanceof Error) text += `${error.cause.stack ?? ''}\n`
  messages.message(text)
  process.exitCode = error.exitCode
}

/** A message for a person: never waits, never throws. */
export function warn(message: string): void {
  clearProgress()
  messages.message(`tickforge: ${printable(message)}\n`)
}

/** Text of ours for a person, as it is: help. */
export function message(text: string): void {
  messages.message(text)
}

/** Messages that could not be written to standard error, because nobody read it or its disk was full. */
export function lostMessages(): number {
  return messages.lost
}

/** One JSON document; bigints become strings, which lose nothing. */
export async function printJson(value: unknown): Promise<boolean> {
  return await print(`${toJson(value, 2)}\n`)
}

/** One line of JSON, for programs that follow a command that runs on. Does not wait for them. */
export function printLine(value: unknown): void {
  output.write(`${toJson(value)}\n`)
}

export function toJson(value: unknown, indent?: number): string {
  const json = JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? v.toString() : v), indent)
  return printableJson(json)
}

/**
 * Writes text to standard output and waits while the pipe is full. Resolves false when nothing more can be written: the reader
 * is gone (`| head`), or the disk is full, which settleOutput() reports.
 */
export async function print(text: string): Promise<boolean> {
  output.write(text)
  await output.written()
  return output.failure === undefined
}

/** Prints lines in the middle of a command that goes on whoever reads them. */
export function say(text = ''): void {
  output.write(`${text}\n`)
}

/** Standard output cannot be written to any more. */
export function outputFailed(): boolean {
  return output.failure !== undefined
}

/** Calls `act` when whoever reads standard output goes away, although nothing is being written. */
export function outputClosed(act: () => void): void {
  output.onceClosed(act)
}

/** Standard output is a terminal. */
export function outputIsTerminal(): boolean {
  return output.isTerminal
}

/**
 * The end of a command: waits for who reads it, and reports an output that could not be written. After a stop that somebody
 * asked for, or an error, a reader that does not read is waited for no more than a moment.
 */
export async function settleOutput(patient: boolean): Promise<void> {
  if (patient) await output.written()
  else await within(output.written())
  const { failure } = output
  // A reader that has seen enough is no error.
  if (failure !== undefined && failure.code !== 'EPIPE' && (process.exitCode ?? 0) === 0) {
    const code = failure.code === 'ENOSPC' || failure.code === 'EDQUOT' ? 'TF_DISK_FULL' : 'TF_IO'
    reportError(new TickforgeError(code, `standard output cannot be written: ${failure.message}`, { cause: failure }))
  }
  await within(messages.written())
}

async function within(done: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, LAST_WORDS_MS)
  })
  await Promise.race([done, late])
  clearTimeout(timer)
}

const PROGRESS_MS = 200
const COLUMNS_DEFAULT = 80
let shown = false
let shownAt = 0

/** Replaces the progress line, on a terminal only, at most five times a second and not in the first one. */
export function progress(text: string, startedAt: number): void {
  const now = performance.now()
  if (!messages.isTerminal || now - startedAt < 1000 || now - shownAt < PROGRESS_MS) return
  shownAt = now
  shown = true
  messages.passing(`\r\x1b[K${fitted(printable(text), process.stderr.columns)}`)
}

export function clearProgress(): void {
  if (!shown) return
  shown = false
  messages.passing('\r\x1b[K')
}

/** As much of a line as a terminal of so many columns shows without a break; some terminals say that they have none. */
export function fitted(line: string, columns: number | undefined): string {
  const room = (columns === undefined || columns <= 0 ? COLUMNS_DEFAULT : columns) - 1
  if (stringWidth(line) <= room) return line
  let width = 0
  let end = 0
  for (const character of line) {
    width += stringWidth(character)
    if (width > room) break
    end += character.length
  }
  return line.slice(0, end)
}

/** A progress line that shows a share. */
export function shareProgress(what: string): (done: number) => void {
  const startedAt = performance.now()
  return (done) => progress(`${what} ${(done * 100).toFixed(0)} %`, startedAt)
}

/** Columns of text, the first ones left-aligned, those of `right` right-aligned. Wide characters count as two. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: ReadonlySet<number>,
): string {
  const shownRows = [header, ...rows].map((row) => row.map(printable))
  const widths = header.map((_, i) => shownRows.reduce((most, row) => Math.max(most, stringWidth(row[i] ?? '')), 0))
  const cell = (text: string, i: number): string => {
    const space = ' '.repeat((widths[i] as number) - stringWidth(text))
    return right.has(i) ? space + text : text + space
  }
  return `${shownRows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n')}\n`
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
