// Feeds frames to a venue's normaliser and decodes what it wrote.

import type { Adapter, FeedRequest, Normalizer } from '../../src/feeds/feed.ts'
import { adapterFor, findVenue } from '../../src/feeds/registry.ts'
import { BufferMemory, CellWriter } from '../../src/records/cell-writer.ts'
import { type DecodedRecord, decodeCells } from './cells.ts'

/** A normaliser in memory. Receive times are set with at(); frames may be text, objects or bytes. */
export class Harness {
  readonly normalizer: Normalizer
  readonly warnings: string[] = []
  readonly #memory = new BufferMemory()
  readonly #stamp = { low: 0, high: 0 }
  #taken = 0
  #instruments = 0

  constructor(venue: string, options: { url?: string; adapter?: Adapter; firstInstrument?: number } = {}) {
    const found = findVenue(venue)
    this.#instruments = (options.firstInstrument ?? 1) - 1
    const adapter = options.adapter ?? adapterFor(found, options.url === undefined ? {} : { url: options.url })
    this.normalizer = adapter.createNormalizer({
      venue,
      writer: new CellWriter(this.#memory),
      stamp: this.#stamp,
      nextInstrument: () => ++this.#instruments,
      warn: (message) => this.warnings.push(message),
    })
  }

  /** Receive time (ns) of what follows. */
  at(ts: bigint): this {
    this.#stamp.low = Number(BigInt.asIntN(32, ts))
    this.#stamp.high = Number(ts >> 32n)
    return this
  }

  frame(message: unknown, connection = 1): this {
    this.normalizer.frame(connection, bytesOf(message), false)
    return this
  }

  rest(path: string, body: unknown, connection = 1): this {
    this.normalizer.rest(connection, path, bytesOf(body))
    return this
  }

  requests(): FeedRequest[] {
    return this.normalizer.takeRequests()
  }

  /** Records since the last call. */
  take(): DecodedRecord[] {
    const records = this.records()
    const fresh = records.slice(this.#taken)
    this.#taken = records.length
    return fresh
  }

  records(): DecodedRecord[] {
    return decodeCells(this.cells())
  }

  cells(): Uint8Array {
    return this.#memory.cells()
  }
}

export function bytesOf(message: unknown): Uint8Array {
  if (message instanceof Uint8Array) return message
  return Buffer.from(typeof message === 'string' ? message : JSON.stringify(message), 'utf8')
}
