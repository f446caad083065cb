// What all record views have in common: mapped cells, and the head of a record.
import { decimalText } from './decimal-text.ts'
import { type InstrumentDefinition, readStrings } from './definition.ts'
import * as L from './layout.ts'

/** Where the definitions of a segment come from; they may be read when the first one is needed. */
export interface DefinitionSource {
  readonly definitions: readonly (InstrumentDefinition | undefined)[]
}

/** Mapped cells under the typed arrays that the views read, and the definitions of their segment. */
export class CellArea {
  readonly i32: Int32Array
  readonly u32: Uint32Array
  readonly u16: Uint16Array
  readonly u8: Uint8Array
  readonly i64: BigInt64Array
  readonly u64: BigUint64Array
  readonly #segment: DefinitionSource
  #definitions: DefinitionSource['definitions'] | undefined

  constructor(buffer: ArrayBuffer, segment: DefinitionSource) {
    this.i32 = new Int32Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.u16 = new Uint16Array(buffer)
    this.u8 = new Uint8Array(buffer)
    this.i64 = new BigInt64Array(buffer)
    this.u64 = new BigUint64Array(buffer)
    this.#segment = segment
  }

  /** By definition number. */
  get definitions(): readonly (InstrumentDefinition | undefined)[] {
    this.#definitions ??= this.#segment.definitions
    return this.#definitions
  }
}

/** Names of the record types, by number. */
export const RECORD_NAMES: ReadonlyMap<number, RecordName> = new Map<number, RecordName>(
  (Object.entries(L.RecordType) as [RecordName, number][]).map(([name, number]) => [number, name]),
)
export type RecordName = keyof typeof L.RecordType

/** Name of a value of one of the generated enumerations; its number as text if it is newer than this reader. */
export function nameOf(enumeration: Record<string, number>, value: number): string {
  for (const [name, number] of Object.entries(enumeration))
    if (number === value) return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
  return String(value)
}

const FLAG_NAMES = (Object.keys(L.Flag) as (keyof typeof L.Flag)[]).map(
  (name) => [name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), L.Flag[name]] as const,
)

/** What every record has. Times are ns since the epoch, UTC. */
export abstract class View {
  abstract readonly type: RecordName
  /** @internal */
  area: CellArea
  /** @internal Byte offset of the record in the area. */
  at = 0

  constructor(area: CellArea) {
    this.area = area
  }

  get tsRecv(): bigint {
    return this.area.i64[(this.at + L.HEAD_TS_RECV) >> 3] as bigint
  }
  /** The venue's time; null when it gave none. */
  get tsEvent(): bigint | null {
    return this.time(L.HEAD_TS_EVENT)
  }
  get flags(): number {
    return this.area.u16[(this.at + L.HEAD_FLAGS) >> 1] as number
  }
  get cells(): number {
    return this.area.u8[this.at + L.HEAD_CELLS] as number
  }
  /** Number of the definition; 0 = none. */
  get instrumentNumber(): number {
    return this.area.u32[(this.at + L.HEAD_INSTRUMENT) >> 2] as number
  }
  get definition(): InstrumentDefinition | undefined {
    return this.area.definitions[this.instrumentNumber]
  }
  /** 'binance:BTCUSDT'; '' for a record that concerns no instrument. */
  get instrument(): string {
    return this.definition?.key ?? ''
  }
  /** Number of the connection, 0 = none. */
  get connection(): number {
    return this.area.u16[(this.at + L.HEAD_FRAME + 6) >> 1] as number
  }
  /** Number of the raw frame on its connection, from 1. */
  get frame(): number {
    const at = (this.at + L.HEAD_FRAME) >> 1
    const u16 = this.area.u16
    return (u16[at + 2] as number) * 4294967296 + (u16[at + 1] as number) * 65536 + (u16[at] as number)
  }

  /** A copy of everything, with the names of docs/FORMAT.md; 64-bit integers and decimals are strings. */
  toJson(): Record<string, unknown> {
    return {
      type: this.type,
      ...(this.instrument === '' ? {} : { instrument: this.instrument }),
      ts_recv: String(this.tsRecv),
      ts_event: text(this.tsEvent),
      ...this.fields(),
      flags: FLAG_NAMES.filter(([, bit]) => (this.flags & bit) !== 0).map(([name]) => name),
      connection: this.connection,
      frame: this.frame,
    }
  }

  protected abstract fields(): Record<string, unknown>

  protected get extended(): boolean {
    return (this.flags & L.Flag.extension) !== 0
  }
  protected i64(offset: number): bigint {
    return this.area.i64[(this.at + offset) >> 3] as bigint
  }
  protected u16(offset: number): number {
    return this.area.u16[(this.at + offset) >> 1] as number
  }
  protected u32(offset: number): number {
    return this.area.u32[(this.at + offset) >> 2] as number
  }
  protected u8(offset: number): number {
    return this.area.u8[this.at + offset] as number
  }
  protected time(offset: number): bigint | null {
    const value = this.i64(offset)
    return value === L.NONE_I64 ? null : value
  }
  protected id(offset: number): bigint | null {
    const value = this.area.u64[(this.at + offset) >> 3] as bigint
    return value === L.NONE_U64 ? null : value
  }
  protected strings(lengths: readonly number[]): string[] {
    return readStrings(this.area.u8, this.at + L.CELL_BYTES, lengths)
  }
  /** Exact text of a price or size; null for none, and when the definition is lost. */
  protected decimal(offset: number, kind: 'price' | 'size'): string | null {
    const word = (this.at + offset) >> 2
    const low = this.area.u32[word] as number
    const high = this.area.i32[word + 1] as number
    if (high === -2147483648 && low === 0) return null
    const definition = this.definition
    // Without its definition, which damage can take away, a mantissa says nothing.
    if (definition === undefined) return null
    const decimals = kind === 'price' ? definition.priceDecimals : definition.sizeDecimals
    const print = kind === 'price' ? definition.pricePrint : definition.sizePrint
    // Below 2^53 the two words are one exact integer number, which prints faster than a bigint.
    const mantissa = high >= 0 && high < 0x200000 ? high * 4294967296 + low : this.i64(offset)
    return decimalText(mantissa, decimals, print)
  }
}

/** A number for JSON, which has none of 64 bits. */
export function text(value: bigint | null): string | null {
  return value === null ? null : String(value)
}

/** A field that is left out when there is none. */
export function optional(name: string, value: bigint | string | null): Record<string, string> {
  return value === null ? {} : { [name]: String(value) }
}
