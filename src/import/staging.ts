// What makes an import whole or nothing: segments are written beside the log and become part of it in one step.
//
// `<journal>.staging/` takes the segments of one batch. `<journal>.pending` is the step: from the moment that it is there the batch
// will be completed, and until it is gone no reader looks at the segments that it names (docs/FORMAT.md, "Files").
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { TickforgeError } from '../errors.ts'

const SEGMENT = /^(\d{4}-\d{2}-\d{2})\.([a-z0-9_-]{1,32})\.(\d{3,})\.tfs$/

/** What a start found of an import before it. */
export type LeftOver = 'nothing' | 'completed' | 'undone'

/** The caller holds the directory's lock. */
export class Staging {
  /** Where the batch is written. */
  readonly path: string
  readonly #directory: string
  readonly #journal: string
  /** Files that keep the numbers of parts that are in the log. */
  #placeholders = new Set<string>()

  constructor(directory: string, journal: string) {
    this.#directory = directory
    this.#journal = journal
    this.path = join(directory, `${journal}.staging`)
  }

  get #pending(): string {
    return join(this.#directory, `${this.#journal}.pending`)
  }
  get #ledger(): string {
    return `${this.#journal}.imports`
  }

  /** Completes an import that was interrupted in its last step, takes back one that did not come so far. Throws TF_IO, TF_DISK_FULL. */
  recover(): LeftOver {
    return this.#guarded(() => {
      if (existsSync(this.#pending)) {
        this.#complete(
          readFileSync(this.#pending, 'utf8')
            .split('\n')
            .filter((name) => SEGMENT.test(name)),
        )
        return 'completed'
      }
      if (!isThere(this.path)) return 'nothing'
      this.discard()
      return 'undone'
    })
  }

  /** Makes an empty place whose next part of each day is that of the log. */
  begin(): void {
    this.#guarded(() => {
      this.discard()
      mkdirSync(this.path)
      const newest = new Map<string, string>()
      for (const name of readdirSync(this.#directory).sort(byPart)) {
        const parts = SEGMENT.exec(name)
        if (parts?.[2] === this.#journal) newest.set(parts[1] as string, name)
      }
      this.#placeholders = new Set(newest.values())
      for (const name of this.#placeholders) closeSync(openSync(join(this.path, name), 'w'))
    })
  }

  /** Names of the segments that were written. */
  segments(): string[] {
    return readdirSync(this.path).filter((name) => SEGMENT.test(name) && !this.#placeholders.has(name))
  }

  /** Makes the staged segments, which are durable, part of the log, and `ledger` its ledger. */
  commit(ledger: string): void {
    this.#guarded(() => {
      const names = this.segments()
      write(join(this.path, this.#ledger), ledger)
      const pending = join(this.path, basename(this.#pending))
      write(pending, names.map((name) => `${name}\n`).join(''))
      syncDirectory(this.path)
      renameSync(pending, this.#pending)
      syncDirectory(this.#directory)
      this.#complete(names)
    })
  }

  /** Takes back what was staged. */
  discard(): void {
    if (isThere(this.path)) rmSync(this.path, { recursive: true, force: true })
  }

  #complete(names: readonly string[]): void {
    for (const name of names) {
      for (const file of [name.replace(/tfs$/, 'tfi'), name]) this.#move(file)
    }
    this.#move(this.#ledger)
    syncDirectory(this.#directory)
    rmSync(this.#pending)
    syncDirectory(this.#directory)
    this.discard()
  }

  #move(name: string): void {
    const from = join(this.path, name)
    // Moved before the interruption.
    if (existsSync(from)) renameSync(from, join(this.#directory, name))
  }

  #guarded<Result>(act: () => Result): Result {
    try {
      return act()
    } catch (thrown) {
      if (thrown instanceof TickforgeError) throw thrown
      const { code, message } = thrown as NodeJS.ErrnoException
      const full = code === 'ENOSPC' || code === 'EDQUOT'
      const what = `the import into '${this.#directory}' cannot be ${full ? 'stored' : 'completed'}: ${message}`
      throw new TickforgeError(full ? 'TF_DISK_FULL' : 'TF_IO', what, { path: this.#directory, cause: thrown })
    }
  }
}

/** Throws TF_FOREIGN_DIRECTORY for what is there and no directory of ours, a link included. */
function isThere(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return false
  if (found.isDirectory()) return true
  throw new TickforgeError('TF_FOREIGN_DIRECTORY', `'${path}' is in the way: it is no directory`, { path })
}

/** Numbers of parts have three digits or more. */
function byPart(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0)
}

function write(path: string, text: string): void {
  const file = openSync(path, 'w')
  try {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
