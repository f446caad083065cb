// Which records a query wants.
import type { InstrumentDefinition } from '../records/definition.ts'
import * as L from '../records/layout.ts'
import type { CellArea } from '../records/record-view.ts'
import type { ResolvedQuery } from './query.ts'

/** Decides for each record of one segment whether a query wants it. */
export class RecordFilter {
  protected readonly query: ResolvedQuery
  readonly #wanted: Uint8Array
  readonly #definitions: readonly (InstrumentDefinition | undefined)[]
  readonly #instruments: ReadonlySet<string> | undefined
  readonly #fromHigh: number
  readonly #fromLow: number
  readonly #toHigh: number
  readonly #toLow: number
  /** By definition number: 1 = wanted, 2 = not, 0 = not looked up yet. */
  readonly #numbers: number[] = []

  /** `definitions` by number; those of a record's own are there when it is looked at. */
  constructor(definitions: readonly (InstrumentDefinition | undefined)[], query: ResolvedQuery) {
    this.query = query
    this.#wanted = query.wanted
    this.#definitions = definitions
    this.#instruments = query.instruments
    this.#fromHigh = Number(query.from >> 32n)
    this.#fromLow = Number(query.from & 0xffffffffn)
    this.#toHigh = Number(query.to >> 32n)
    this.#toLow = Number(query.to & 0xffffffffn)
  }

  takes(area: CellArea, at: number): boolean {
    if (this.#wanted[area.u8[at + L.HEAD_TYPE] as number] !== 1) return false
    const word = (at + L.HEAD_TS_RECV) >> 2
    const high = area.i32[word + 1] as number
    const low = area.u32[word] as number
    if (high < this.#fromHigh || (high === this.#fromHigh && low < this.#fromLow)) return false
    if (high > this.#toHigh || (high === this.#toHigh && low >= this.#toLow)) return false
    return (
      this.#instruments === undefined || this.#isWanted(area.u32[(at + L.HEAD_INSTRUMENT) >> 2] as number, area, at)
    )
  }

  #isWanted(number: number, area: CellArea, at: number): boolean {
    // Gaps and drops that concern every instrument concern the wanted ones too.
    if (number === 0)
      return area.u8[at + L.HEAD_TYPE] === L.RecordType.gap || area.u8[at + L.HEAD_TYPE] === L.RecordType.drop
    const known = this.#numbers[number] ?? 0
    if (known !== 0) return known === 1
    const key = this.#definitions[number]?.key
    const wanted = key !== undefined && (this.#instruments as ReadonlySet<string>).has(key)
    this.#numbers[number] = wanted ? 1 : 2
    return wanted
  }
}
