// Records as lines, for the commands that print them.
import type { RecordView } from '../records/record-view.ts'
import { formatTime } from '../records/time.ts'
import { print, toJson } from './output.ts'
import { printable } from './printable.ts'

/** Text is handed to the pipe in pieces of about this size. */
const CHUNK_CHARACTERS = 1 << 16

/** Gathers lines for the pipe. */
export class Lines {
  #text = ''

  put(line: string): void {
    this.#text += `${line}\n`
  }

  /** It is time for flush(). */
  get full(): boolean {
    return this.#text.length >= CHUNK_CHARACTERS
  }

  /** Resolves false when whoever read it is gone. */
  async flush(): Promise<boolean> {
    const text = this.#text
    this.#text = ''
    return await print(text)
  }
}

export function jsonLine(record: RecordView): string {
  return toJson(record.toJson())
}

/** '2024-08-08T23:54:16.172217566Z trade binance:BTCUSDT price=61000.10 size=0.002 ...', without what is not given. */
export function textLine(record: RecordView): string {
  const { type, instrument, ts_recv, ts_event, connection, frame, flags, ...fields } = record.toJson()
  const words = [
    formatTime(record.tsRecv),
    String(type),
    ...(instrument === undefined ? [] : [printable(String(instrument))]),
  ]
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || value === undefined || value === '') continue
    words.push(`${name}=${typeof value === 'string' && !/\s/.test(value) ? printable(value) : toJson(value)}`)
  }
  if (Array.isArray(flags) && flags.length > 0) words.push(flags.join(','))
  return words.join(' ')
}
