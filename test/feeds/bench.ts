// Feeds a venue's normaliser with hand-written frames.
import type { Adapter, Normalizer } from '../../src/feeds/feed.ts'
import { BufferMemory, CellWriter } from '../../src/records/cell-writer.ts'
import * as L from '../../src/records/layout.ts'
import { type RawRecord, rawRecords } from '../helpers/cells.ts'

export function has(record: RawRecord | undefined, flag: number): boolean {
  return record !== undefined && (record.flags & flag) !== 0
}

/** Exact text of a mantissa. `fixed`: with all decimals; otherwise without trailing zeros. */
export function decimalText(mantissa: bigint, decimals: number, fixed: boolean): string {
  const sign = mantissa < 0n ? '-' : ''
  const digits = (mantissa < 0n ? -mantissa : mantissa).toString().padStart(decimals + 1, '0')
  const whole = digits.slice(0, digits.length - decimals)
  const fraction = decimals === 0 ? '' : digits.slice(-decimals)
  const kept = fixed ? fraction : fraction.replace(/0+$/, '')
  return sign + whole + (kept === '' ? '' : `.${kept}`)
}

/** A normaliser on memory of its own. The receive time counts up by one ns a frame. */
export class Bench {
  readonly memory = new BufferMemory()
  readonly warnings: string[] = []
  readonly normalizer: Normalizer
  readonly #stamp = { low: 0, high: 0 }
  #instruments = 0

  constructor(adapter: Adapter, venue: string) {
    this.normalizer = adapter.createNormalizer({
      venue,
      writer: new CellWriter(this.memory),
      stamp: this.#stamp,
      nextInstrument: () => ++this.#instruments,
      warn: (message) => this.warnings.push(message),
    })
  }

  opened(connection: number, url: string): void {
    this.#stamp.low++
    this.normalizer.opened(connection, url)
  }

  /** Feeds one frame, a text or an object to be printed, and returns the records that it made. */
  frame(connection: number, frame: unknown): RawRecord[] {
    const before = this.memory.published
    this.#stamp.low++
    const text = typeof frame === 'string' ? frame : JSON.stringify(frame)
    this.normalizer.frame(connection, Buffer.from(text), false)
    return this.#since(before)
  }

  rest(connection: number, path: string, body: unknown): RawRecord[] {
    const before = this.memory.published
    this.#stamp.low++
    this.normalizer.rest(connection, path, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
    return this.#since(before)
  }

  all(): RawRecord[] {
    return rawRecords(this.memory.cells())
  }

  #since(cell: number): RawRecord[] {
    return rawRecords(this.memory.cells().slice(cell * L.CELL_BYTES))
  }
}

export function ofType(records: readonly RawRecord[], type: number): RawRecord[] {
  return records.filter((record) => record.type === type)
}
