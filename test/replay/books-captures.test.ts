// Books of every real capture that we have an adapter for, beside the quotes that the venue sent with them.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { TickforgeError } from '../../src/errors.ts'
import { importCaptures } from '../../src/import/import.ts'
import { Log } from '../../src/open-log.ts'
import type { BookLevels, BookStep } from '../../src/replay/books.ts'
import { CAPTURES } from '../helpers/captures.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

const MANIFEST = join(CAPTURES, 'MANIFEST.tsv')
/** Where quotes have no update ids: how far apart a quote and the book of the same instant may arrive. */
const NEAR_NS = 250_000_000n

/** Sessions by name: files of one market that go on, or one session of cryptofeed. */
function sessions(): [name: string, format: 'hftbacktest' | 'cryptofeed', paths: string[]][] {
  const files = readFileSync(MANIFEST, 'utf8').split('\n').slice(1)
  const paths = files.map((line) => line.split('\t')[0] ?? '').filter((path) => existsSync(join(CAPTURES, path)))
  const found = new Map<string, [format: 'hftbacktest' | 'cryptofeed', paths: Set<string>]>()
  for (const path of paths) {
    const [folder] = path.split('/')
    if (folder === 'hftbacktest') {
      const name = path.replace(/_\d{8}\..*$/, '')
      const year = /_(\d{4})/.exec(path)?.[1]
      const key = `${name} ${year}`
      found.set(key, ['hftbacktest', (found.get(key)?.[1] ?? new Set()).add(path)])
    } else if (folder === 'cryptofeed-v3') found.set(path, ['cryptofeed', new Set([path])])
    else if (folder === 'cryptofeed-v1') found.set(dirname(path), ['cryptofeed', new Set([dirname(path)])])
  }
  return [...found].map(([name, [format, set]]) => [name, format, [...set].map((path) => join(CAPTURES, path))])
}

interface Quote {
  tsRecv: bigint
  id: bigint | null
  prices: string
  sizes: string
}

interface Told {
  steps: number
  inSync: number
  crossed: number
  /** Steps whose book was crossed, or did not give the venue's checksum. */
  disproved: number
  /** Quotes with the very update id that is the last one of a book. */
  same: number
  sameEqual: number
  /** Books whose last update lies between two quotes: the first of them is in force, unless the venue left one out. */
  inForce: number
  inForceEqual: number
  /** Quotes without ids, and those that a book of about the same time has at its top. */
  near: number
  nearEqual: number
}

const top = (book: BookLevels, what: 'priceText' | 'sizeText') =>
  book.bids.count === 0 || book.asks.count === 0 ? '' : `${book.bids[what](0)} ${book.asks[what](0)}`

function quotesOf(log: Log): Map<string, Quote[]> {
  const quotes = new Map<string, Quote[]>()
  for (const batch of log.replay({ types: ['quote'] })) {
    for (const record of batch) {
      if (record.type !== 'quote') continue
      const list = quotes.get(record.instrument) ?? []
      quotes.set(record.instrument, list)
      list.push({
        tsRecv: record.tsRecv,
        id: record.updateId,
        prices: `${record.bidPrice} ${record.askPrice}`,
        sizes: `${record.bidSize} ${record.askSize}`,
      })
    }
  }
  return quotes
}

/** Compares books and quotes by update id. */
class ById {
  readonly #quotes: ReadonlyMap<string, Quote[]>
  readonly #told: Told
  readonly #at = new Map<string, number>()

  constructor(quotes: ReadonlyMap<string, Quote[]>, told: Told) {
    this.#quotes = quotes
    this.#told = told
  }

  take({ instrument, lastUpdateId, book }: BookStep): void {
    const quotes = this.#quotes.get(instrument)
    if (quotes === undefined || lastUpdateId === null) return
    let at = this.#at.get(instrument) ?? 0
    while ((quotes[at + 1]?.id ?? lastUpdateId + 1n) <= lastUpdateId) at++
    this.#at.set(instrument, at)
    const quote = quotes[at] as Quote
    if (quote.id === null || quote.id > lastUpdateId || quotes[at + 1] === undefined) return
    const equal = top(book, 'priceText') === quote.prices && top(book, 'sizeText') === quote.sizes
    this.#told.inForce++
    if (equal) this.#told.inForceEqual++
    if (quote.id !== lastUpdateId) return
    this.#told.same++
    if (equal) this.#told.sameEqual++
  }
}

/** Compares the prices of quotes without ids with those of the books of about the same time. */
function compareNear(log: Log, quotes: ReadonlyMap<string, Quote[]>, told: Told): void {
  for (const [instrument, list] of quotes) {
    const tops: { tsRecv: bigint; prices: string }[] = []
    for (const { tsRecv, book, inSync } of log.books({ instruments: [instrument], depth: 1 }))
      if (inSync) tops.push({ tsRecv, prices: top(book, 'priceText') })
    for (const { tsRecv, id, prices } of list) {
      // Of a quote from before the first book nothing can be said.
      if (id !== null || tops[0] === undefined || tsRecv < tops[0].tsRecv) continue
      const near = tops.filter(
        (one, i) => one.tsRecv <= tsRecv + NEAR_NS && (tops[i + 1]?.tsRecv ?? tsRecv) >= tsRecv - NEAR_NS,
      )
      told.near++
      if (near.some((one) => one.prices === prices)) told.nearEqual++
    }
  }
}

function compare(directory: string): Told {
  const log = new Log(directory)
  const told: Told = {
    steps: 0,
    inSync: 0,
    crossed: 0,
    disproved: 0,
    same: 0,
    sameEqual: 0,
    inForce: 0,
    inForceEqual: 0,
    near: 0,
    nearEqual: 0,
  }
  const quotes = quotesOf(log)
  const byId = new ById(quotes, told)
  for (const step of log.books()) {
    told.steps++
    if (step.book.crossed && step.inSync) told.crossed++
    if (step.why?.code === 'checksum' || step.why?.code === 'crossed') told.disproved++
    if (!step.inSync) continue
    told.inSync++
    byId.take(step)
  }
  compareNear(log, quotes, told)
  log.close()
  return told
}

const all = existsSync(MANIFEST) ? sessions() : []

describe.skipIf(all.length === 0)('the books of the captures', () => {
  const sums = { compared: 0, equal: 0, sessions: 0 }

  it.each(all)("of %s have the venue's own quotes at their top, and none is crossed", async (name, format, paths) => {
    const directory = temporaryDirectory()
    try {
      await importCaptures({ directory, format, paths, warn: () => undefined })
    } catch (error) {
      // A venue that we have no adapter for.
      expect(error).toBeInstanceOf(TickforgeError)
      expect((error as TickforgeError).code, name).toBe('TF_UNKNOWN_VENUE')
      expect(readdirSync(directory).filter((file) => file.endsWith('.tfs'))).toEqual([])
      return
    }
    const told = compare(directory)
    expect(told).toMatchObject({ crossed: 0, disproved: 0 })
    // Not all: venues leave out a quote that lasts for less than a moment, and the snapshot of BTCUSD_210924 in 2021-04-17 has a
    // size that neither the changes nor the quotes around it know.
    expect(told.sameEqual, JSON.stringify(told)).toBeGreaterThanOrEqual(Math.floor(told.same * 0.98))
    expect(told.inForceEqual, JSON.stringify(told)).toBeGreaterThanOrEqual(Math.floor(told.inForce * 0.98))
    expect(told.nearEqual, JSON.stringify(told)).toBeGreaterThanOrEqual(Math.floor(told.near * 0.8))
    sums.compared += told.inForce
    sums.equal += told.inForceEqual
    sums.sessions++
  })

  it('are compared in every session of a venue that has an adapter, ten thousands of times', () => {
    expect(sums.sessions).toBeGreaterThanOrEqual(10)
    expect(sums.compared).toBeGreaterThan(10_000)
    expect(sums.equal / sums.compared).toBeGreaterThan(0.999)
    console.log(
      `${sums.sessions} sessions: ${sums.equal} of ${sums.compared} books have the quote in force at their top`,
    )
  })
})
