// Which files a directory has taken in: `<journal>.imports`, one JSON line a file (docs/OPERATING.md, "Imports").
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadNative } from '../native/binding.ts'

/** One file that was imported. */
export interface LedgerEntry {
  /** Capture format and venue: the same file read in another way is another import. */
  format: string
  venue: string
  /** SHA-256 of the file as it was, and of its content without compression. */
  file: string
  content: string
  /** Its name, for people. */
  name: string
  records: number
  /** Length of a file that was cut off: one that begins with all of it has more of the same recording. */
  cutBytes?: number
  /** Segments that hold it, with their ids: without them it is not in the log, whatever this says. */
  segments: { name: string; id: string }[]
}

/** What a ledger says of a file. `missing` names segments that are gone. */
export type Known = { entry: LedgerEntry; state: 'there' } | { entry: LedgerEntry; state: 'partly'; missing: string[] }

export class Ledger {
  readonly path: string
  readonly #directory: string
  readonly #entries: LedgerEntry[] = []
  #text = ''

  /** Reads what is there; a line that makes no sense is kept and says nothing. */
  constructor(directory: string, journal: string) {
    this.#directory = directory
    this.path = join(directory, `${journal}.imports`)
    try {
      this.#text = readFileSync(this.path, 'utf8')
    } catch (thrown) {
      if ((thrown as { code?: unknown }).code !== 'ENOENT') throw thrown
    }
    for (const line of this.#text.split('\n')) {
      const entry = parseEntry(line)
      if (entry !== undefined) this.#entries.push(entry)
    }
  }

  /** Looks a file up by its own digest or that of its content. An entry whose segments are all gone is not believed. */
  find(by: { format: string; venue: string; file?: string; content?: string }): Known | undefined {
    const same = this.#entries.filter(
      ({ format, venue, file, content }) =>
        format === by.format && venue === by.venue && (file === by.file || content === by.content),
    )
    let partly: Known | undefined
    for (const entry of same) {
      const missing = entry.segments.filter(({ name, id }) => segmentId(join(this.#directory, name)) !== id)
      if (missing.length === 0) return { entry, state: 'there' }
      if (missing.length < entry.segments.length)
        partly = { entry, state: 'partly', missing: missing.map(({ name }) => name) }
    }
    return partly
  }

  /** Files that were cut off and shorter than `bytes`, whose records are in the log. */
  cuts(by: { format: string; venue: string }, bytes: number): LedgerEntry[] {
    return this.#entries.filter(
      ({ format, venue, cutBytes, segments }) =>
        format === by.format &&
        venue === by.venue &&
        cutBytes !== undefined &&
        cutBytes < bytes &&
        segments.some(({ name, id }) => segmentId(join(this.#directory, name)) === id),
    )
  }

  /** The whole text with `entries` added, which count from now on. */
  add(entries: readonly LedgerEntry[]): string {
    this.#entries.push(...entries)
    if (this.#text !== '' && !this.#text.endsWith('\n')) this.#text += '\n'
    this.#text += entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')
    return this.#text
  }
}

/** Id of a segment by its first whole block; undefined when there is none. */
export function segmentId(path: string): string | undefined {
  if (!existsSync(path)) return undefined
  try {
    const segment = loadNative().openSegment(path)
    try {
      return segment.segmentId.toString(16)
    } finally {
      segment.close()
    }
  } catch {
    return undefined
  }
}

function parseEntry(line: string): LedgerEntry | undefined {
  if (line === '') return undefined
  try {
    const entry = JSON.parse(line) as LedgerEntry
    const sound = Array.isArray(entry.segments) && typeof entry.file === 'string' && typeof entry.content === 'string'
    return sound ? entry : undefined
  } catch {
    return undefined
  }
}
